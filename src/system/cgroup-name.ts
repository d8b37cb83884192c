/** Short names of control groups, from the paths that container runtimes, Kubernetes and systemd choose. */
import { type SafeText, sanitize } from '../lib/sanitize.ts';

const id = '([0-9a-f]{64}|[0-9a-f]{32})';

/** Runtimes by the prefix of their scopes: `docker-<id>.scope`, and by their folders: `/docker/<id>`. */
const scopes = new RegExp(
	`^(docker|cri-containerd|containerd|crio|libpod|nerdctl|buildkit)-(?:conmon-)?${id}(?:\\.scope)?$`,
);
const folders = new RegExp(`/(docker|containerd|crio|libpod|podman|buildkit|ecs)(?:/[^/]+)?/${id}$`);
const bare = new RegExp(`^${id}$`);
const runtimes: Record<string, string> = { 'cri-containerd': 'containerd', libpod: 'podman' };

/** systemd writes `-` in the name of a unit as `\x2d`; sanitised paths keep that. */
function unescapeUnit(name: string): string {
	return name.replace(/\\x([0-9a-f]{2})/g, (text, hex: string) => {
		const code = Number.parseInt(hex, 16);
		return code >= 0x20 && code < 0x7f ? String.fromCharCode(code) : text;
	});
}

/** First eight digits of a pod's id, from `kubepods-burstable-pod<uid>.slice` or `/kubepods/burstable/pod<uid>`. */
function podOf(path: string): string | undefined {
	return /kubepods[^/]*(?:\/[^/]+)*?[-/]pod([0-9a-f]{8})[0-9a-f_-]*/.exec(path)?.[1];
}

/**
 * A short name for a control group: `docker 0123456789ab`, `pod 01234567 containerd 0123456789ab`, `ssh.service`,
 * `user 1000 session-2.scope`; the path itself where it matches none of these.
 */
export function cgroupName(path: SafeText): SafeText {
	const parts = path.split('/').filter(Boolean);
	const last = unescapeUnit(parts.at(-1) ?? '');
	const pod = podOf(path);
	const scope = scopes.exec(last) ?? folders.exec(path);
	const [, runtime, container] = scope ?? (pod === undefined ? [] : ['', 'container', bare.exec(last)?.[1]]);
	if (runtime !== undefined && container !== undefined) {
		const name = `${runtimes[runtime] ?? runtime} ${container.slice(0, 12)}`;
		return pod === undefined ? sanitize(`${name}`) : sanitize(`pod ${pod} ${name}`);
	}
	if (pod !== undefined) return sanitize(`pod ${pod}`);
	const lxc = /(?:^|\/)lxc(?:\.payload)?[./]([^/]+)$/.exec(path)?.[1];
	if (lxc !== undefined) return sanitize(`lxc ${lxc}`);
	const machine = /^(?:machine-)(.+)\.scope$/.exec(last)?.[1];
	if (machine !== undefined) return sanitize(`machine ${machine}`);
	const unit = parts.findLast((part) => /\.(service|scope|socket|mount)$/.test(part));
	if (unit === undefined) return path;
	const user = /user-(\d+)\.slice/.exec(path)?.[1];
	return user === undefined ? sanitize(`${unescapeUnit(unit)}`) : sanitize(`user ${user} ${unescapeUnit(unit)}`);
}

/** Sessions of people, which are no service. */
const SESSION = /\/(?:session-[^/]+\.scope|init\.scope)(?:\/|$)/;

/**
 * The service that a process belongs to: its container, pod or unit, by its control group, else its command. Processes of
 * sessions are named by their command.
 */
export function serviceName(path: SafeText, comm: SafeText): SafeText {
	const container = containerName(path);
	if (container !== '') return container;
	if (SESSION.test(path)) return comm;
	const name = cgroupName(path);
	return path.startsWith('/') && name !== path ? name : comm;
}

/** The container or pod that a control group belongs to, as in {@link cgroupName}; empty: none. */
export function containerName(path: SafeText): SafeText {
	// a group that the container made inside, or that systemd has there, belongs to it
	for (let at: string = path; at.length > 1; at = at.slice(0, at.lastIndexOf('/'))) {
		const name = cgroupName(at as SafeText);
		if (/^(?:pod |docker |containerd |crio |podman |nerdctl |buildkit |ecs |container |lxc |machine )/.test(name))
			return name;
	}
	return '' as SafeText;
}
