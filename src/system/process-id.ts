/** Identity of a process: pid and start, since pids are reused. Pure. */
import { kernelBootNs } from '../lib/clock.ts';
import type { Ns } from '../lib/units.ts';

export interface ProcessId {
	/** In the initial pid namespace. */
	pid: number;
	/** ns since boot (CLOCK_BOOTTIME); 0: not known, any process with this pid. */
	start: Ns;
}

/** `/proc` counts in USER_HZ, 100 on every machine, and rounds down; the kernel's own stamps are exact. */
export const TICK: Ns = 1e7;

/** The fields of `/proc/PID/stat` after the name, from the state on; the name may contain anything, brackets too. */
export function statFields(stat: string): readonly string[] {
	return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

/** Start, ns since boot by the kernel's clock. */
export function startOf(fields: readonly string[]): Ns {
	return kernelBootNs(Number(fields[19]) * TICK);
}

/** Do two starts, from any source, belong to the same process? 0 matches any. */
export function sameStart(a: Ns, b: Ns): boolean {
	return a === 0 || b === 0 || Math.abs(a - b) < 2 * TICK;
}

/** From `pid:start`, see `Tracer.processOf`. */
export function processId(text: string): ProcessId {
	const [pid, start] = text.split(':');
	return { pid: Number(pid), start: Number(start || 0) };
}
