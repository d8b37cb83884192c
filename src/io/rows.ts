/** Requests by device, operation and flags: from the kernel's statistics to rows. */
import { type BlockDevices, devText } from '../block-devices.ts';
import { type SafeText, safe, sanitize } from '../sanitize.ts';
import { StageDistributions, StageHistory } from '../stages/distributions.ts';
import type { KernelLatency, LatencyReader } from '../tracers/latency.ts';
import type { Bytes, Count } from '../units.ts';
import { flagNames, opName } from './names.ts';
import type { IoRow } from './snapshot.ts';

/** STACKED_DEVICE of bpf/io.bpf.c: bios of a device that has no requests. */
const STACKED_DEVICE = 0x80;

/** `struct io_key` as the generated decoders give it. */
interface Key {
	dev: number;
	op: number;
	flags: number;
}

/** A value of the kernel's statistics, counting up since start. */
export interface Counted {
	/** Tells it from all others. */
	id: string;
	key: Key;
	count: Count;
	bytes: Bytes;
	/** In the order of the names that {@link Rows} has. */
	stages: readonly KernelLatency[];
}

/** One value of the kernel's map and what was read of it before. */
class Entry {
	readonly key: Key;
	readonly stages: StageHistory;
	count: Count = 0;
	bytes: Bytes = 0;
	count_total: Count = 0;
	bytes_total: Bytes = 0;

	constructor(id: string, key: Key) {
		this.key = key;
		this.stages = new StageHistory(id);
	}
}

export class Rows {
	private readonly counted: () => Iterable<Counted>;
	private readonly devices: BlockDevices;
	private readonly stages: readonly string[];
	private readonly entries = new Map<string, Entry>();

	/** @param stages names of what has a latency, `total` last */
	constructor(counted: () => Iterable<Counted>, devices: BlockDevices, stages: readonly string[]) {
		this.counted = counted;
		this.devices = devices;
		this.stages = stages;
	}

	/** Take the differences of one interval. */
	read(latencies: LatencyReader): void {
		for (const { id, key, count, bytes, stages } of this.counted()) {
			let entry = this.entries.get(id);
			if (!entry) {
				entry = new Entry(id, key);
				this.entries.set(id, entry);
			}
			entry.count = count - entry.count_total;
			entry.bytes = bytes - entry.bytes_total;
			entry.count_total = count;
			entry.bytes_total = bytes;
			for (const [index, name] of this.stages.entries()) {
				const stage = stages[index];
				if (stage) entry.stages.update(latencies, name, stage);
			}
		}
	}

	/** @param group `operation`, `device` or `flags` */
	rows(group: string): IoRow[] {
		const rows = new Map<string, { row: Omit<IoRow, 'stages' | 'stages_total'>; stages: StageDistributions }>();
		for (const entry of this.entries.values()) {
			const { dev, op, flags } = entry.key;
			const stacked = (flags & STACKED_DEVICE) !== 0;
			const opText = group === 'device' ? safe`all` : opName(op);
			const flagText = group === 'flags' ? flagsText(flags) : undefined;
			const name = `${dev} ${opText} ${flagText}`;
			let line = rows.get(name);
			if (!line) {
				line = {
					row: {
						device: this.devices.name(dev),
						dev: devText(dev),
						op: opText,
						...(flagText === undefined ? {} : { flags: flagText }),
						...(stacked || this.devices.isStacked(dev) ? { stacked: true } : {}),
						count: 0,
						bytes: 0,
						count_total: 0,
						bytes_total: 0,
					},
					stages: new StageDistributions(this.stages),
				};
				rows.set(name, line);
			}
			line.row.count += entry.count;
			line.row.bytes += entry.bytes;
			line.row.count_total += entry.count_total;
			line.row.bytes_total += entry.bytes_total;
			line.stages.add(entry.stages);
		}
		return [...rows.values()].map(({ row, stages }) => ({
			...row,
			stages: stages.figures(),
			stages_total: stages.totals(),
		}));
	}
}

function flagsText(flags: number): SafeText {
	const names = flagNames(flags & ~STACKED_DEVICE);
	return names.length > 0 ? sanitize(names.join(' ')) : safe`async`;
}
