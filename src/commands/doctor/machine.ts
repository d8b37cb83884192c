/** What the machine, the kernel and the rights of this process allow, before anything is loaded. */
import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { bpfRefusal } from '../../bpf/explain.ts';
import { requireTypes } from '../../bpf/load.ts';
import { BECOME_ROOT, Unavailable } from '../../core/errors.ts';
import type { BpfError } from '../../core/native.ts';
import type { Host } from '../../core/tracer.ts';
import { cgroupMount } from '../../system/cgroups.ts';
import { cpuLimit, offlineCpus } from '../../system/cpus.ts';
import { procOption, whyHidden } from '../../system/kernel-text.ts';
import { PressureReader } from '../../system/pressure.ts';
import { hasSeccompFilter, lacksSysAdmin, lockdown, missingCapabilities } from '../../system/privilege.ts';
import { v1Only } from '../../system/v1-groups.ts';
import { type Check, check, words } from './check.ts';

/** Number of the first pid namespace, the same on all kernels (PROC_PID_INIT_INO). */
const FIRST_PID_NAMESPACE = '[4026531836]';
const WHOLE_PROC =
	'give it the whole proc of the machine (systemd: ProcSubset=all; containers: --pid=host --privileged)';
/** Files that container engines leave in the root folder. */
const CONTAINER_MARKS = ['/.dockerenv', '/run/.containerenv'];

function read(path: string): string | undefined {
	try {
		return readFileSync(path, 'utf8').trim();
	} catch {
		return undefined;
	}
}

/**
 * The rights that wattlag needs: root, or capabilities, which were tried with every tab. Ambient capabilities belong to one
 * process. Capabilities of the Node file would belong to every user who may run it, and make each of them root.
 */
const RIGHTS = `${BECOME_ROOT}; or as a service with AmbientCapabilities=CAP_SYS_ADMIN CAP_DAC_READ_SEARCH CAP_SYS_PTRACE (see docs/TROUBLESHOOTING.md)`;

export function machineChecks(host: Host, program: string): Check[] {
	const { procRoot, sysRoot } = host;
	const hidden = whyHidden(procRoot, 'stat');
	const mount = cgroupMount(procRoot);
	return [
		check('wattlag', 'info', `${program}, Node ${process.version}`),
		check('kernel', 'info', `Linux ${read(join(procRoot, 'sys/kernel/osrelease')) ?? release()} ${process.arch}`),
		cpus(host),
		pidNamespace(procRoot),
		mount === undefined
			? check('cgroup v2', 'less', 'not mounted: control groups have no names', 'mount -t cgroup2 none /sys/fs/cgroup')
			: check('cgroup v2', 'ok', `at ${mount.folder}`),
		...v1Groups(procRoot),
		pressure(procRoot),
		...(hidden === undefined ? [] : [check('proc', 'less', hidden, WHOLE_PROC)]),
		capabilities(procRoot),
		lockedDown(sysRoot),
		paranoid(procRoot),
	];
}

/** Container engines on cgroup v1 leave the unified hierarchy empty. */
function v1Groups(procRoot: string): Check[] {
	const group = v1Only(procRoot);
	if (group === undefined) return [];
	const found = [
		`some groups are in v1 hierarchies only (${group})`,
		'tabs that BPF feeds name them from /proc, processes that end early stay in /, --cgroup does not know them',
	];
	return [check('cgroup v1', 'less', found, 'boot with systemd.unified_cgroup_hierarchy=1')];
}

function cpus({ cpus: online, procRoot, sysRoot }: Host): Check {
	const offline = offlineCpus(procRoot, sysRoot).length;
	const limit = cpuLimit(procRoot, sysRoot);
	if (online === 0) return check('CPUs', 'less', 'how many are online is not known', 'mount sysfs at /sys');
	return check('CPUs', 'info', [`${online} online${offline > 0 ? `, ${offline} offline` : ''}`, limit]);
}

function pressure(procRoot: string): Check {
	const reader = new PressureReader(procRoot);
	if (reader.read() !== null) return check('PSI', 'ok', join(procRoot, 'pressure'));
	const hidden = procOption(procRoot, 'subset') !== undefined || existsSync(join(procRoot, 'pressure'));
	const fix = hidden ? WHOLE_PROC : 'boot with psi=1';
	return check('PSI', 'less', [reader.why(), 'the overview cannot judge pressure'], fix);
}

/** BPF has the ids of the first namespace; who runs in another one reads other ids in proc. */
function pidNamespace(procRoot: string): Check {
	const name = 'pid namespace';
	const marked = CONTAINER_MARKS.find((path) => existsSync(path));
	const within = marked === undefined ? '' : `in a container (${marked})`;
	let link: string;
	try {
		link = readlinkSync(join(procRoot, 'self/ns/pid'));
	} catch {
		return check(name, 'info', ['not known', within]);
	}
	return link.endsWith(FIRST_PID_NAMESPACE)
		? check(name, 'ok', ['the first one: ids are those of the whole machine', within])
		: check(
				name,
				'less',
				['not the first one: figures carry the ids of the whole machine, /proc those of this namespace', within],
				'run on the host, or the container with --pid=host --privileged',
			);
}

function capabilities(procRoot: string): Check {
	const name = 'capabilities';
	const missing = missingCapabilities(procRoot);
	if (missing.length > 0) return check(name, 'no', `${missing.join(' and ')} missing: BPF is refused`, RIGHTS);
	if (lacksSysAdmin(procRoot)) {
		const costs = 'disk IO may not load (types of kernel modules), own cost of BPF is not measured';
		return check(name, 'less', `CAP_SYS_ADMIN missing: ${costs}`, RIGHTS);
	}
	return check(name, 'ok', process.geteuid?.() === 0 ? 'root' : 'CAP_SYS_ADMIN');
}

function lockedDown(sysRoot: string): Check {
	const mode = lockdown(sysRoot);
	if (mode === 'confidentiality')
		return check(
			'lockdown',
			'no',
			`${mode}: programs may not read memory of the kernel`,
			'boot with lockdown=integrity',
		);
	return check('lockdown', mode === undefined ? 'ok' : 'info', mode ?? 'none');
}

function paranoid(procRoot: string): Check {
	const name = 'perf_event_paranoid';
	const value = read(join(procRoot, 'sys/kernel/perf_event_paranoid'));
	if (value === undefined) return check(name, 'info', 'not known: this kernel has no perf events');
	const binds = Number(value) > 0 && missingCapabilities(procRoot).includes('CAP_PERFMON');
	const fix = `${BECOME_ROOT}, or sudo sysctl kernel.perf_event_paranoid=0`;
	return binds
		? check(name, 'less', `${value}: no energy and cycle counters of the PMU without CAP_PERFMON`, fix)
		: check(name, 'ok', `${value}, does not bind this process`);
}

export function bpfChecks(host: Host): Check[] {
	let addon: Host['addon'];
	try {
		addon = host.addon;
	} catch (error) {
		return [check('addon', 'no', words(error), 'run npm start: it builds what is missing; libbpf has to be installed')];
	}
	return [
		check('libbpf', 'ok', addon.libbpfVersion()),
		attempt(host, 'BTF', 'types of the running kernel', () => requireTypes(addon)),
		attempt(host, 'statistics', 'own cost of BPF programs is measured', () => addon.enableStats().close(), 'less'),
		...seccomp(host),
		check('unprivileged', 'info', unprivileged(host.procRoot)),
	];
}

/** A filter that lets bpf(2) pass is reported only. */
function seccomp(host: Host): Check[] {
	if (!hasSeccompFilter(host.procRoot)) return [];
	try {
		host.addon.enableStats().close();
		return [check('seccomp', 'info', 'a filter is in force, which allows bpf(2)')];
	} catch (error) {
		const refused = bpfRefusal(host, (error as Partial<BpfError>).code);
		return refused ? [check('seccomp', 'no', refused.cause, refused.fix)] : [];
	}
}

function attempt(host: Host, name: string, found: string, run: () => void, failed: 'no' | 'less' = 'no'): Check {
	try {
		run();
		return check(name, 'ok', found);
	} catch (error) {
		const fix =
			error instanceof Unavailable
				? error.fix
				: (bpfRefusal(host, (error as Partial<BpfError>).code)?.fix ?? BECOME_ROOT);
		return check(name, failed, failed === 'less' ? `not available, ${words(error)}` : words(error), fix);
	}
}

function unprivileged(procRoot: string): string {
	const value = read(join(procRoot, 'sys/kernel/unprivileged_bpf_disabled'));
	if (value === undefined) return 'not known';
	const meaning = value === '0' ? 'allowed, which does not help: tracing needs privilege' : 'not allowed, as usual';
	return `${meaning} (unprivileged_bpf_disabled ${value})`;
}
