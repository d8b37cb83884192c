/** Rows by device, operation and flags, from the kernel's statistics. */

import type { Distribution } from '../../bpf/latency.ts';
import { StageDistributions, StageHistory } from '../../bpf/stage-distributions.ts';
import { io_flag, io_op, io_stats_flag } from '../../generated/io.ts';
import { type SafeText, safe, sanitize } from '../../lib/sanitize.ts';
import type { Bytes, Count } from '../../lib/units.ts';
import { type BlockDevices, devText } from '../../system/block-devices.ts';
import { type ApartSums, apart, bytesField, noneApart } from './apart.ts';
import type { FullPathSession } from './full-path.ts';
import type { Kind } from './kinds.ts';
import { IO_PATH } from './path.ts';
import type { IoRow } from './snapshot.ts';

const OPS = new Map<number, SafeText>(
	Object.entries(io_op).map(([name, value]) => [value, sanitize(name.replace(/^IO_/, '').toLowerCase())]),
);

const FLAGS: readonly [bit: number, name: SafeText][] = Object.entries(io_flag)
	.filter(([name]) => name !== 'IO_FLAGS')
	.map(([name, bit]) => [1 << bit, sanitize(name.replace(/^IO_/, '').toLowerCase())]);

/** The kernel's name of an operation. */
export function opName(op: number): SafeText {
	return OPS.get(op) ?? safe`op_${op}`;
}

/** REQ_SYNC | REQ_META → `sync`, `meta`. */
export function flagNames(flags: number): SafeText[] {
	return FLAGS.filter(([bit]) => (flags & bit) !== 0).map(([, name]) => name);
}

const { STACKED_DEVICE } = io_stats_flag;

const ALL_STAGES: readonly string[] = [...IO_PATH.stages.map(({ name }) => name), 'total'];

/** What one writer has counted of a kind since the last read. */
export interface Counted {
	key: Kind;
	count: Count;
	/** Of the operation, transferred or not. */
	bytes: Bytes;
	errors: Count;
	heldBack: Count;
	/** In the order of the names given to {@link Rows}. */
	stages: readonly Distribution[];
}

/** One kind: the last interval and the totals. */
class Entry {
	readonly key: Kind;
	readonly stages = new StageHistory();
	count: Count = 0;
	bytes: Bytes = 0;
	errors: Count = 0;
	count_total: Count = 0;
	bytes_total: Bytes = 0;
	errors_total: Count = 0;
	held_back: Count = 0;
	held_back_total: Count = 0;

	constructor(key: Kind) {
		this.key = key;
	}

	begin(): void {
		this.count = 0;
		this.bytes = 0;
		this.errors = 0;
		this.held_back = 0;
		this.stages.begin();
	}
}

export class Rows {
	private readonly devices: BlockDevices;
	private readonly stages: readonly string[];
	private readonly entries = new Map<string, Entry>();
	private full = false;

	/** @param stages names of the stages in `counted`, `total` last */
	constructor(devices: BlockDevices, stages: readonly string[]) {
		this.devices = devices;
		this.stages = stages;
	}

	/** Begins the next interval with what was counted in the last one. */
	read(counted: Iterable<Counted>): void {
		this.devices.begin();
		for (const entry of this.entries.values()) entry.begin();
		for (const { key, count, bytes, errors, heldBack, stages } of counted) {
			const entry = this.entry(key);
			entry.count += count;
			entry.bytes += bytes;
			entry.errors += errors;
			entry.held_back += heldBack;
			entry.count_total += count;
			entry.bytes_total += bytes;
			entry.errors_total += errors;
			entry.held_back_total += heldBack;
			for (const [index, name] of this.stages.entries()) {
				const stage = stages[index];
				if (stage) entry.stages.add(name, stage);
			}
		}
	}

	/** Adds the stages of the full path, while it is attached. Call after {@link read}. */
	readFull(path: FullPathSession): void {
		const calls = path.read();
		this.full = calls !== undefined;
		for (const { key, stages } of calls ?? [])
			for (const [name, events] of stages) this.entry(key).stages.add(name, events);
	}

	/** Removed disks that had requests. */
	gone(): SafeText[] {
		const disks = new Set([...this.entries.values()].map(({ key }) => key.dev));
		return [...disks].filter((dev) => this.devices.isGone(dev)).map((dev) => this.devices.name(dev));
	}

	/**
	 * Rows of a removed disk remain while its requests end.
	 * @param group `operation`, `device` or `flags`
	 */
	rows(group: string): IoRow[] {
		const rows = new Map<
			string,
			{ row: Omit<IoRow, 'stages' | 'stages_total'>; apart: ApartSums; stages: StageDistributions }
		>();
		for (const entry of this.entries.values()) {
			const { dev, op, flags } = entry.key;
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
						...(this.devices.isStacked(dev) ? { stacked: true } : {}),
						count: 0,
						bytes: 0,
						count_total: 0,
						bytes_total: 0,
					},
					apart: noneApart(),
					stages: new StageDistributions(this.full ? ALL_STAGES : this.stages),
				};
				rows.set(name, line);
			}
			line.row.count += entry.count;
			line.row.count_total += entry.count_total;
			line.apart.errors += entry.errors;
			line.apart.errors_total += entry.errors_total;
			line.apart.held_back += entry.held_back;
			line.apart.held_back_total += entry.held_back_total;
			addBytes(line, entry);
			line.stages.add(entry.stages);
		}
		const ended = new Set<SafeText>(this.gone());
		const kept = [...rows.values()].filter(({ row }) => row.count > 0 || !ended.has(row.device));
		return kept.map(({ row, apart: sums, stages }) => ({
			...row,
			...apart(sums),
			stages: stages.figures(),
			stages_total: stages.totals(),
		}));
	}

	private entry(key: Kind): Entry {
		const id = `${key.dev} ${key.op} ${key.flags}`;
		const known = this.entries.get(id);
		if (known) return known;
		const entry = new Entry(key);
		this.entries.set(id, entry);
		return entry;
	}
}

/** Bytes without data are in no `bytes`. */
function addBytes(
	{ row, apart: sums }: { row: Pick<IoRow, 'bytes' | 'bytes_total'>; apart: ApartSums },
	entry: Entry,
): void {
	const field = bytesField(entry.key.op);
	if (field === 'bytes') {
		row.bytes += entry.bytes;
		row.bytes_total += entry.bytes_total;
		return;
	}
	sums[field] += entry.bytes;
	sums[`${field}_total`] += entry.bytes_total;
}

function flagsText(flags: number): SafeText {
	const names = flagNames(flags & ~STACKED_DEVICE);
	return names.length > 0 ? sanitize(names.join(' ')) : safe`async`;
}
