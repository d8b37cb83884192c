/** GPU figures: energy of the device, and busy time by process. Without a GPU there is no reader. */

import type { Source } from '../../../core/snapshot.ts';
import type { SafeText } from '../../../lib/sanitize.ts';
import type { MicroJoules, Ns } from '../../../lib/units.ts';
import { apportion } from '../power/attribution.ts';

export interface GpuProcess {
	/** In the pid namespace of proc (DRM), or of the driver (NVML: the initial one). */
	pid: number;
	/** Busy time of the GPU's engines, added up, so it may exceed the interval. */
	busy_ns: Ns;
}

export interface GpuReading {
	/** e.g. `i915 0000:00:02.0`. */
	name: SafeText;
	/** null: not reported, or not known for this interval. An integrated GPU's energy is part of its CPU package's. */
	energy_uj: MicroJoules | null;
	/** null: this GPU does not report processes. */
	processes: GpuProcess[] | null;
	/** As in `EnergyReading`. */
	marked: SafeText[];
}

export interface GpuReader extends Source {
	kind: 'nvml' | 'drm';
	/**
	 * One for each GPU, always in the same order. Never throws.
	 * @param dt the measured time since the last read
	 * @param ran pids of the processes that ran in it, if known: the others need no search
	 */
	read(dt: Ns, ran?: Iterable<number>): GpuReading[];
	/** Idempotent. */
	close(): void;
}

export interface GpuShares {
	processes: { pid: number; energy_uj: MicroJoules }[];
	/** Energy of the time in which no process is known to have used it. */
	unattributed_uj: MicroJoules;
}

/** Divide a GPU's energy by busy time; its idle time gets a part too. The sum is exact. */
export function shareGpuEnergy({ energy_uj, processes }: GpuReading, dt: Ns): GpuShares {
	const total = energy_uj ?? 0;
	const busy = (processes ?? []).map((process) => process.busy_ns);
	const idle = Math.max(0, dt - busy.reduce((sum, ns) => sum + ns, 0));
	const parts = apportion(total, [...busy, idle]);
	const shares = (processes ?? []).map(({ pid }, i) => ({ pid, energy_uj: parts[i] ?? 0 }));
	return { processes: shares, unattributed_uj: total - shares.reduce((sum, share) => sum + share.energy_uj, 0) };
}
