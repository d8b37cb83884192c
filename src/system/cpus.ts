/**
 * How many CPUs the machine has and how many this process may use. The truth is in sysfs and is not what a container shows:
 * lxcfs mounts its own files over `/proc/stat`, `/proc/cpuinfo` and sysfs, and an affinity shortens what libraries count.
 */
import { kernelText } from './kernel-text.ts';

/** CPU numbers of a kernel list, `0-3,8`. Nothing of what cannot be read as one. */
export function parseCpuList(text: string): number[] {
	const cpus: number[] = [];
	for (const part of text.split(',')) {
		const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part.trim());
		if (!match) continue;
		for (let cpu = Number(match[1]); cpu <= Number(match[2] ?? match[1]); cpu++) cpus.push(cpu);
	}
	return cpus;
}

function listed(root: string, path: string): number[] {
	return parseCpuList(kernelText(root, path)?.trim() ?? '');
}

/**
 * Numbers of the CPUs that are online now. From sysfs, else from the header of `/proc/interrupts`, which has a column for
 * each, else from `/proc/stat`; empty: not known. A change (hotplug) shows at the next call; one read of sysfs takes some µs.
 */
export function onlineCpus(procRoot: string, sysRoot: string): readonly number[] {
	const online = listed(sysRoot, 'devices/system/cpu/online');
	if (online.length > 0) return online;
	const columns = kernelText(procRoot, 'interrupts')?.split('\n')[0] ?? '';
	const numbers = Array.from(columns.matchAll(/CPU(\d{1,5})/g), ([, cpu]) => Number(cpu));
	if (numbers.length > 0) return numbers;
	return Array.from((kernelText(procRoot, 'stat') ?? '').matchAll(/^cpu(\d{1,5}) /gm), ([, cpu]) => Number(cpu));
}

/** CPUs that are there and switched off; those that the machine could get later do not count. */
export function offlineCpus(procRoot: string, sysRoot: string): readonly number[] {
	const online = new Set(onlineCpus(procRoot, sysRoot));
	return listed(sysRoot, 'devices/system/cpu/present').filter((cpu) => !online.has(cpu));
}

/**
 * CPUs that the user keeps free of everything but their own task, as a list of the kernel: isolated from the scheduler, or
 * without a timer tick. Empty: none.
 */
export function isolatedCpus(sysRoot: string): string {
	const lists = ['isolated', 'nohz_full'].map((name) => listed(sysRoot, `devices/system/cpu/${name}`));
	return asCpuList(lists.flat());
}

/** The reverse of {@link parseCpuList}. */
function asCpuList(cpus: readonly number[]): string {
	const ranges: [first: number, last: number][] = [];
	for (const cpu of [...new Set(cpus)].sort((a, b) => a - b)) {
		const last = ranges.at(-1);
		if (last && cpu === last[1] + 1) last[1] = cpu;
		else ranges.push([cpu, cpu]);
	}
	return ranges.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(',');
}

/** CPUs that this process may run on, by its affinity and its cpuset; empty: not known. */
export function allowedCpus(procRoot: string): readonly number[] {
	return parseCpuList(/^Cpus_allowed_list:\s*(\S+)$/m.exec(kernelText(procRoot, 'self/status') ?? '')?.[1] ?? '');
}

/**
 * What keeps this process to fewer CPUs than the machine has, one sentence; empty: nothing. What the machine itself is is not
 * touched by it.
 */
export function cpuLimit(procRoot: string, sysRoot: string): string {
	const online = onlineCpus(procRoot, sysRoot);
	const allowed = allowedCpus(procRoot).filter((cpu) => online.includes(cpu));
	if (allowed.length === 0 || allowed.length >= online.length) return '';
	return `this process may use ${allowed.length} of them (affinity or cpuset)`;
}
