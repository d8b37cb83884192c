/** This machine, for the header. */
import os from 'node:os';
import { sanitize } from '../../sanitize.ts';
import type { HostInfo } from './header.tsx';

export function localHost(): HostInfo {
	return {
		host: sanitize(os.hostname()),
		kernel: sanitize(os.release()),
		cpus: os.availableParallelism(),
		load: os.loadavg,
		uptime: os.uptime,
	};
}
