/** This machine, for the header. */
import os from 'node:os';
import { kernelBootNs } from '../lib/clock.ts';
import { type SafeText, safe, sanitize } from '../lib/sanitize.ts';
import { onlineCpus } from './cpus.ts';
import { hasMachinePids } from './pid-namespace.ts';

/** The machine in the header. */
export interface HostInfo {
	host: SafeText;
	/** A note that concerns all figures, such as one about a container's pids. */
	note?: SafeText;
	/** Release of the kernel. */
	kernel: SafeText;
	/** Online CPUs. */
	cpus: number;
	/** Load averages of 1, 5, 15 minutes; empty: not known. */
	load(): readonly number[];
	/** Seconds; NaN: not known. */
	uptime(): number;
}

export function localHost(): HostInfo {
	return {
		host: sanitize(os.hostname()),
		...(!hasMachinePids('/proc') && { note: safe`container: BPF has the host’s pids` }),
		kernel: sanitize(os.release()),
		// what an affinity leaves of them is not what the machine has
		cpus: onlineCpus('/proc', '/sys').length || os.availableParallelism(),
		load: os.loadavg,
		uptime: () => kernelBootNs(os.uptime() * 1e9) / 1e9,
	};
}
