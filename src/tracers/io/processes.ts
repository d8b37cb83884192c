/** Requests by process: the user-space side of `processes` in bpf/io/processes.bpf.h. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BpfSession } from '../../bpf/bpf-session.ts';
import { Distribution, type LatencyReader } from '../../bpf/latency.ts';
import { stageStats } from '../../bpf/stage-distributions.ts';
import { maps, type process_io } from '../../generated/io.ts';
import { viewOf } from '../../lib/decode.ts';
import { type SafeText, safe, sanitize } from '../../lib/sanitize.ts';
import type { Bytes, Count, Ns } from '../../lib/units.ts';
import type { Cgroups } from '../../system/cgroups.ts';
import { APART, type ApartSums, apart, noneApart } from './apart.ts';
import type { IoProcess, IoRow } from './snapshot.ts';

/** Processes kept after their IO; the one without IO for longest is dropped first. */
const KNOWN = 2048;

/** log2 of the entries that each CPU has for processes. */
export function processBits(possibleCpus: number): number {
	if (possibleCpus <= 16) return 8;
	return possibleCpus <= 64 ? 7 : 6;
}

/** Sums of an entry that are taken as differences. */
const SUMS = ['bytes_read', 'bytes_written', ...APART] as const;
type Sums = Pick<process_io, (typeof SUMS)[number]>;

const noSums = (): Sums => ({
	bytes_read: 0,
	bytes_written: 0,
	bytes_discarded: 0,
	bytes_zeroed: 0,
	errors: 0,
	held_back: 0,
});

/** State of an entry at the last read. */
type Before = Pick<process_io, 'start' | 'tgid'> & { sum_ns: Ns; sums: Sums };

interface Known {
	/** 0: a control group whose process is not known. */
	pid: number;
	/** Of a control group its id. */
	start: Ns;
	comm: SafeText;
	cgroup: SafeText;
	interval: Distribution;
	bytes_read: Bytes;
	bytes_written: Bytes;
	apart: ApartSums;
	bytes_total: Bytes;
	count_total: Count;
	sum_total: Ns;
}

type Difference = Pick<Known, 'interval'> & { sums: Sums };

export class Processes {
	private readonly bpf: BpfSession;
	private readonly cgroups: Cgroups;
	private readonly procRoot: string;
	private readonly buffer: Uint8Array;
	private readonly before = new Map<number, Before>();
	/** In order of the last IO, the newest at the end. */
	private readonly known = new Map<string, Known>();

	constructor(bpf: BpfSession, cgroups: Cgroups, procRoot: string) {
		this.bpf = bpf;
		this.cgroups = cgroups;
		this.procRoot = procRoot;
		this.buffer = new Uint8Array((maps.processes.value.size << processBits(bpf.possibleCpus)) * bpf.possibleCpus);
	}

	/** @param ended number of the interval that this read ends */
	read(latencies: LatencyReader, ended: number): void {
		const { name, value } = maps.processes;
		for (const known of this.known.values()) {
			// bytes that were read before their request was counted stay for the interval of the request
			if (known.interval.count === 0) continue;
			known.interval = new Distribution();
			known.bytes_read = 0;
			known.bytes_written = 0;
			for (const name of APART) known.apart[name] = 0;
		}
		this.bpf.object.readMapped(name, this.buffer);
		const view = viewOf(this.buffer);
		for (let index = 0; index * value.size < this.buffer.length; index++) {
			const at = index * value.size;
			// `start` is the first member: most entries are free and need no decoding
			if (view.getUint32(at, true) === 0 && view.getUint32(at + 4, true) === 0) continue;
			const now = value.read(view, at);
			// one interval more than needed, for a CPU that was stopped (a virtual one may be) between stamp and sum
			if ((ended - now.total.epoch) << 0 > 1) continue;
			const added = this.difference(latencies, index, now);
			if (added) this.add(now, added);
		}
		for (const id of this.known.keys()) {
			if (this.known.size <= KNOWN) break;
			this.known.delete(id);
		}
	}

	/** IO of an entry since the last read; undefined: the kernel reused the entry during this read. */
	private difference(latencies: LatencyReader, index: number, entry: process_io): Difference | undefined {
		const { start, tgid, total } = entry;
		let before = this.before.get(index);
		if (!before || before.start !== start || before.tgid !== tgid) {
			before = { start, tgid, sum_ns: 0, sums: noSums() };
			this.before.set(index, before);
			latencies.forget(`process ${index}`);
		}
		const last = before.sums;
		// its sums belong to the next interval
		if (total.sum_ns < before.sum_ns || SUMS.some((sum) => entry[sum] < last[sum])) return undefined;
		const sums = noSums();
		for (const sum of SUMS) {
			sums[sum] = entry[sum] - last[sum];
			last[sum] = entry[sum];
		}
		before.sum_ns = total.sum_ns;
		return { interval: latencies.difference(`process ${index}`, total), sums };
	}

	private add({ start, tgid, cgroup, comm }: process_io, { interval, sums }: Difference): void {
		const id = `${tgid}:${start}`;
		const known = this.known.get(id) ?? {
			pid: tgid,
			start,
			comm: tgid === 0 ? safe`(control group)` : (this.nameOf(tgid) ?? sanitize(comm)),
			cgroup: this.cgroups.path(cgroup),
			interval: new Distribution(),
			bytes_read: 0,
			bytes_written: 0,
			apart: noneApart(),
			bytes_total: 0,
			count_total: 0,
			sum_total: 0,
		};
		known.interval.add(interval);
		known.bytes_read += sums.bytes_read;
		known.bytes_written += sums.bytes_written;
		for (const name of APART) {
			known.apart[name] += sums[name];
			known.apart[`${name}_total`] += sums[name];
		}
		known.bytes_total += sums.bytes_read + sums.bytes_written;
		known.count_total += interval.count;
		known.sum_total += interval.sum_ns;
		this.known.delete(id);
		this.known.set(id, known);
	}

	/** Processes with IO in the interval, most requests first. */
	list(limit: number): IoProcess[] {
		return [...this.known.values()]
			.filter(({ pid, interval }) => pid > 0 && interval.count > 0)
			.sort((a, b) => b.interval.count - a.interval.count)
			.slice(0, limit)
			.map((known) => ({
				pid: known.pid,
				start_time: known.start,
				comm: known.comm,
				cgroup: known.cgroup,
				count: known.interval.count,
				bytes_read: known.bytes_read,
				bytes_written: known.bytes_written,
				...apart(known.apart),
				mean_ns: known.interval.mean(),
				p99_ns: known.interval.percentile(0.99),
				max_ns: known.interval.max_ns,
				count_total: known.count_total,
				bytes_total: known.bytes_total,
			}));
	}

	/** A row for each known process, with or without IO in the interval. */
	rows(): IoRow[] {
		return [...this.known.values()].map((known) => ({
			device: safe`all`,
			dev: safe``,
			op: safe`all`,
			...(known.pid > 0 ? { pid: known.pid, start_time: known.start } : {}),
			comm: known.comm,
			cgroup: known.cgroup,
			count: known.interval.count,
			bytes: known.bytes_read + known.bytes_written,
			...apart(known.apart),
			stages: { total: stageStats(known.interval) },
			count_total: known.count_total,
			bytes_total: known.bytes_total,
			stages_total: { total: { count: known.count_total, sum_ns: known.sum_total } },
		}));
	}

	/** The name of a living process: the kernel side records that of the thread. */
	private nameOf(pid: number): SafeText | undefined {
		try {
			return sanitize(readFileSync(join(this.procRoot, String(pid), 'comm'), 'utf8').trimEnd());
		} catch {
			return undefined;
		}
	}
}
