/** Which process: pids are used again, so its start belongs to its name. Pure. */
import { kernelBootNs } from '../lib/clock.ts';
import type { Ns } from '../lib/units.ts';

export interface ProcessId {
	/** In the initial pid namespace. */
	pid: number;
	/** ns since boot (CLOCK_BOOTTIME); 0: not known, any process with this pid. */
	start: Ns;
}

/** `/proc` counts in USER_HZ, which is 100 on every machine, and rounds down; the kernel's own stamps do not. */
export const TICK: Ns = 1e7;

/** What stands behind the name in `/proc/PID/stat`, from the state on; the name itself may hold anything, brackets too. */
export function statFields(stat: string): readonly string[] {
	return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

/** When it was started, ns since boot by the kernel's clock. */
export function startOf(fields: readonly string[]): Ns {
	return kernelBootNs(Number(fields[19]) * TICK);
}

/** Whether two starts are of the same process, wherever they come from; 0 fits any. */
export function sameStart(a: Ns, b: Ns): boolean {
	return a === 0 || b === 0 || Math.abs(a - b) < 2 * TICK;
}

/** From `pid:start`, see `Tracer.processOf`. */
export function processId(text: string): ProcessId {
	const [pid, start] = text.split(':');
	return { pid: Number(pid), start: Number(start || 0) };
}
