/** Finds the GPUs of this machine. */
import type { BpfAddon } from '../../../core/native.ts';
import { sanitize } from '../../../lib/sanitize.ts';
import { openDrm } from './drm.ts';
import type { GpuReader } from './gpu.ts';
import { nvmlLibrary, openNvml } from './nvml.ts';

export interface GpuHost {
	sysRoot: string;
	procRoot: string;
	addon: Pick<BpfAddon, 'openNvml'> | null;
	/** Replaces NVIDIA's library in tests. */
	nvmlLibrary?: string;
}

export interface Gpus {
	/** Empty without a GPU, at no cost. The caller closes them. */
	readers: GpuReader[];
	/** Kinds of GPUs that were not found, for `doctor`. */
	absent: { kind: GpuReader['kind']; reason: string }[];
}

/** Never throws: an unreadable GPU is reported as absent, with the reason. */
export function openGpus(host: GpuHost): Gpus {
	const gpus: Gpus = { readers: [], absent: [] };
	const attempt = (kind: GpuReader['kind'], open: () => GpuReader | null | undefined): void => {
		try {
			const reader = open();
			if (reader) gpus.readers.push(reader);
			else gpus.absent.push({ kind, reason: 'no such GPU' });
		} catch (error) {
			gpus.absent.push({ kind, reason: sanitize(error instanceof Error ? error.message : String(error)) });
		}
	};
	attempt('nvml', () => host.addon && openNvml(host.addon, host.nvmlLibrary ?? nvmlLibrary));
	attempt('drm', () => openDrm(host));
	return gpus;
}
