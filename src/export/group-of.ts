/** The group that a process is exported in: its container, else its unit, else its command. Never its pid. */
import type { SafeText } from '../lib/sanitize.ts';
import { cgroupName } from '../system/cgroup-name.ts';

export type GroupKind = 'container' | 'unit' | 'command';

export interface Group {
	kind: GroupKind;
	name: string;
}

const container = /^(?:pod [0-9a-f]{8}(?: .*)?|(?:docker|containerd|crio|podman|nerdctl|buildkit|ecs|lxc|machine) .+)$/;

export function groupOf({ cgroup, comm }: { cgroup: SafeText; comm: SafeText }): Group {
	const name = cgroup === '' || cgroup === '/' ? '' : cgroupName(cgroup);
	if (container.test(name)) return { kind: 'container', name };
	// a session's scope says nothing of what ran in it, and its number grows for ever
	if (/\.(service|socket|mount)$/.test(name)) return { kind: 'unit', name };
	// kernel threads of one kind: kworker/0:1H, ksoftirqd/3
	const thread = /^(kworker|ksoftirqd|migration|cpuhp|idle_inject|irq|rcuo[a-z]|rcuc|rcub)\//.exec(comm)?.[1];
	return { kind: 'command', name: thread ?? (comm === '' ? '?' : comm) };
}
