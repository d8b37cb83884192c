/** This machine, or the trees that stand in for it, as tracers get it. */
import { type BpfAddon, loadAddon } from '../core/native.ts';
import type { Host } from '../core/tracer.ts';
import { onlineCpus } from '../system/cpus.ts';

/** Paths of the addon, of the built BPF objects, and of proc and sysfs. */
export interface HostPaths {
	addonPath: string;
	objectDir: string;
	procRoot: string;
	sysRoot: string;
}

/** The host of these paths. A missing addon is an error of the first tracer that uses it, not of this call. */
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
		// a CPU may come or go while we run
		get cpus() {
			return onlineCpus(procRoot, sysRoot).length;
		},
	};
}
