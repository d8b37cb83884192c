/** GPUs of the kernel's DRM drivers (i915, xe, amdgpu, …): busy time from fdinfo, energy from the card's hwmon chip. */
import { readlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type SafeText, sanitize } from '../../../lib/sanitize.ts';
import { channelSampler, readChips } from '../sources/hwmon.ts';
import type { Sampler } from '../sources/sampler.ts';
import type { EnergyHost } from '../sources/source.ts';
import { list } from '../sources/sysfs.ts';
import { DrmClients } from './drm-clients.ts';
import type { GpuProcess, GpuReader, GpuReading } from './gpu.ts';

interface Card {
	name: SafeText;
	/** As in `DrmClient.device`. */
	device: string;
	driver: string;
	energy: Sampler | null;
	hooks: string[];
}

function target(link: string): string {
	try {
		return basename(readlinkSync(link));
	} catch {
		return '';
	}
}

function describe(directory: string): Card {
	const driver = target(join(directory, 'device/driver'));
	const device = target(join(directory, 'device')) || driver;
	const [channel] = readChips(join(directory, 'device/hwmon')).flatMap((chip) => chip.channels);
	return {
		name: sanitize(`${driver} ${device}`.trim()),
		device,
		driver,
		energy: channel ? channelSampler(channel) : null,
		hooks: channel ? [sanitize(channel.path)] : [],
	};
}

/** Busy times per process: a process may hold several clients. */
function processesOf(uses: readonly { pid: number; busy_ns: number }[]): GpuProcess[] {
	const byPid = new Map<number, number>();
	for (const { pid, busy_ns } of uses) byPid.set(pid, (byPid.get(pid) ?? 0) + busy_ns);
	return [...byPid].map(([pid, busy_ns]) => ({ pid, busy_ns }));
}

/** null: no card, or only NVIDIA's, which have an own reader. */
export function openDrm(host: Pick<EnergyHost, 'sysRoot' | 'procRoot'>): GpuReader | null {
	const drm = join(host.sysRoot, 'class/drm');
	const cards = list(drm)
		.filter((entry) => /^card\d+$/.test(entry))
		.map((entry) => describe(join(drm, entry)))
		.filter(({ driver }) => driver !== 'nvidia');
	if (cards.length === 0) return null;
	const clients = new DrmClients(host.procRoot);
	clients.read(0);
	return {
		kind: 'drm',
		description: "the kernel's GPU drivers: busy time of each process, and the card's energy where it has a meter",
		uncertainty: 'busy time exact for processes alive at the end of an interval; energy ±10 %',
		hooks: [join(host.procRoot, '<pid>/fdinfo'), ...cards.flatMap(({ hooks }) => hooks)],
		read(dt, ran) {
			const byDevice = Map.groupBy(clients.read(dt, ran), ({ device }) => device);
			return cards.map(({ name, device, driver, energy }): GpuReading => {
				const { uj, mark } = energy?.(dt) ?? { uj: null };
				const uses = byDevice.get(device) ?? byDevice.get(driver) ?? [];
				return {
					name,
					energy_uj: uj,
					processes: processesOf(uses),
					marked: mark ? [`${name}: ${mark}` as SafeText] : [],
				};
			});
		},
		close() {},
	};
}
