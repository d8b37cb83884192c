/** This machine, for the header. */
import os from 'node:os';
import { safe, sanitize } from '../../lib/sanitize.ts';
import { hasMachinePids } from '../../system/pid-namespace.ts';
import type { HostInfo } from './header.tsx';

export function localHost(): HostInfo {
	return {
		host: sanitize(os.hostname()),
		...(!hasMachinePids('/proc') && { note: safe`container: BPF has the host’s pids` }),
		kernel: sanitize(os.release()),
		cpus: os.availableParallelism(),
		load: os.loadavg,
		uptime: os.uptime,
	};
}
