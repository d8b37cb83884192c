/** The host that tracers start on: this machine, or trees of fixtures instead of proc and sysfs. */
import { cpus } from 'node:os';
import { type BpfAddon, loadAddon } from '../core/native.ts';
import type { Host } from '../core/tracer.ts';

export interface HostPaths {
	addonPath: string;
	objectDir: string;
	procRoot: string;
	sysRoot: string;
}

export function openHost({ addonPath, objectDir, procRoot, sysRoot }: HostPaths): Host {
	let addon: BpfAddon | undefined;
	return {
		// loaded on first use, so that a missing library is the error of the tracer that needs it
		get addon() {
			addon ??= loadAddon(addonPath);
			return addon;
		},
		objectPath: (id) => `${objectDir}/${id}.bpf.o`,
		procRoot,
		sysRoot,
		cpus: cpus().length,
	};
}
