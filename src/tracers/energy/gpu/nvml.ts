/** NVIDIA GPUs through the driver's own library. */
import type { BpfAddon, Nvml, NvmlSample } from '../../../core/native.ts';
import { type SafeText, safe, sanitize } from '../../../lib/sanitize.ts';
import type { Ns } from '../../../lib/units.ts';
import { counterSampler, powerSampler, type Sampler } from '../sources/sampler.ts';
import { Garbage } from '../sources/sysfs.ts';
import type { GpuProcess, GpuReader, GpuReading } from './gpu.ts';

export const nvmlLibrary = 'libnvidia-ml.so.1';

function known(value: number | null | undefined): number {
	if (value === null || value === undefined) throw new Garbage('the GPU does not answer');
	return value;
}

/** Busy time from percentages. The driver has one sample per process and read, some versions several. */
function busyTimes(samples: readonly NvmlSample[], dt: Ns): GpuProcess[] {
	const byPid = Map.groupBy(samples, (sample) => sample.pid);
	return [...byPid].map(([pid, own]) => {
		const percent = own.reduce((sum, sample) => sum + sample.sm, 0) / own.length;
		return { pid, busy_ns: Math.round((percent / 100) * dt) };
	});
}

/** The samples of one device since the last read. */
function sampleStream(nvml: Nvml, index: number): () => NvmlSample[] | null {
	let since = 0;
	const next = (): NvmlSample[] | null => {
		const samples = nvml.samples(index, since);
		// besides valid samples the driver returns old and uninitialised ones
		const good = samples?.filter(({ pid, timeUs, sm }) => pid > 0 && timeUs > since && sm <= 100) ?? null;
		since = good?.reduce((latest, { timeUs }) => Math.max(latest, timeUs), since) ?? since;
		return good;
	};
	// use before the first interval is not charged
	next();
	return next;
}

/** Throws `ENOENT` without the library, `EIO` without a driver. Returns null without a GPU. */
export function openNvml(addon: Pick<BpfAddon, 'openNvml'>, library = nvmlLibrary): GpuReader | null {
	const nvml = addon.openNvml(library);
	let latest = nvml.devices();
	if (latest.length === 0) {
		nvml.close();
		return null;
	}
	const gpus = latest.map((device, index) => {
		let energy: Sampler | null = null;
		if (device.energyMj !== null) {
			energy = counterSampler(() => BigInt(known(latest[index]?.energyMj)), { scale: 1000 });
		} else if (device.powerMw !== null) {
			energy = powerSampler(() => known(latest[index]?.powerMw) * 1000);
		}
		const name = device.name === '' ? safe`NVIDIA GPU ${index}` : sanitize(device.name);
		return { name, energy, samples: sampleStream(nvml, index) };
	});
	return {
		kind: 'nvml',
		description: "NVIDIA's driver: energy of each GPU, and the part of the time a process kept it busy",
		uncertainty: '±5 % of the energy as the maker states; shares of processes in whole percents',
		hooks: [library],
		read(dt) {
			latest = nvml.devices();
			return gpus.map(({ name, energy, samples }): GpuReading => {
				const { uj, mark } = energy?.(dt) ?? { uj: null };
				const own = samples();
				const marked = mark ? [`${name}: ${mark}` as SafeText] : [];
				return { name, energy_uj: uj, processes: own && busyTimes(own, dt), marked };
			});
		},
		close: () => nvml.close(),
	};
}
