/** Requests by the process they belong to. */
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
import type { IoProcess, IoRow } from './snapshot.ts';

/** Kept of those that did IO since start; those not seen for longest are forgotten first. */
const KNOWN = 2048;

/** Places that each CPU has for processes: 2 to this. */
export function processBits(possibleCpus: number): number {
	if (possibleCpus <= 16) return 8;
	return possibleCpus <= 64 ? 7 : 6;
}

/** What was read of a place before: whose it was, and their bytes. */
type Before = Pick<process_io, 'start' | 'tgid' | 'bytes_read' | 'bytes_written'> & { sum_ns: Ns };

interface Known {
	pid: number;
	start: Ns;
	comm: SafeText;
	cgroup: SafeText;
	interval: Distribution;
	bytes_read: Bytes;
	bytes_written: Bytes;
	bytes_total: Bytes;
	count_total: Count;
	sum_total: Ns;
}

export class Processes {
	private readonly bpf: BpfSession;
	private readonly cgroups: Cgroups;
	private readonly procRoot: string;
	private readonly buffer: Uint8Array;
	private readonly before = new Map<number, Before>();
	/** Those seen last at the end. */
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
		this.cgroups.tick();
		for (const known of this.known.values()) {
			// bytes without a request, read while it was being counted, stay for the interval that has the request
			if (known.interval.count === 0) continue;
			known.interval = new Distribution();
			known.bytes_read = 0;
			known.bytes_written = 0;
		}
		this.bpf.object.readMapped(name, this.buffer);
		const view = viewOf(this.buffer);
		for (let place = 0; place * value.size < this.buffer.length; place++) {
			const at = place * value.size;
			// `start` comes first: most places are nobody's and need no more
			if (view.getUint32(at, true) === 0 && view.getUint32(at + 4, true) === 0) continue;
			const now = value.read(view, at);
			// one interval more than needed, for a CPU that was stopped (a virtual one may be) between stamp and sum
			if ((ended - now.total.epoch) << 0 > 1) continue;
			const taken = this.difference(latencies, place, now);
			if (taken) this.add(now, taken);
		}
		for (const id of this.known.keys()) {
			if (this.known.size <= KNOWN) break;
			this.known.delete(id);
		}
	}

	/** What was added to a place since the last read. The kernel may have given it to another process meanwhile. */
	private difference(
		latencies: LatencyReader,
		place: number,
		{ start, tgid, bytes_read, bytes_written, total }: process_io,
	): Pick<Known, 'interval' | 'bytes_read' | 'bytes_written'> | undefined {
		let before = this.before.get(place);
		if (!before || before.start !== start || before.tgid !== tgid) {
			before = { start, tgid, bytes_read: 0, bytes_written: 0, sum_ns: 0 };
			this.before.set(place, before);
			latencies.forget(`process ${place}`);
		}
		// given away under our eyes: its sums are of the next interval
		if (total.sum_ns < before.sum_ns || bytes_read < before.bytes_read || bytes_written < before.bytes_written)
			return undefined;
		const taken = {
			interval: latencies.difference(`process ${place}`, total),
			bytes_read: bytes_read - before.bytes_read,
			bytes_written: bytes_written - before.bytes_written,
		};
		Object.assign(before, { bytes_read, bytes_written, sum_ns: total.sum_ns });
		return taken;
	}

	private add(
		{ start, tgid, cgroup, comm }: process_io,
		{ interval, bytes_read, bytes_written }: Pick<Known, 'interval' | 'bytes_read' | 'bytes_written'>,
	): void {
		const id = `${tgid}:${start}`;
		const known = this.known.get(id) ?? {
			pid: tgid,
			start,
			comm: this.nameOf(tgid) ?? sanitize(comm),
			cgroup: this.cgroups.path(cgroup),
			interval: new Distribution(),
			bytes_read: 0,
			bytes_written: 0,
			bytes_total: 0,
			count_total: 0,
			sum_total: 0,
		};
		known.interval.add(interval);
		known.bytes_read += bytes_read;
		known.bytes_written += bytes_written;
		known.bytes_total += bytes_read + bytes_written;
		known.count_total += interval.count;
		known.sum_total += interval.sum_ns;
		this.known.delete(id);
		this.known.set(id, known);
	}

	/** Those with IO in the interval, most requests first. */
	list(limit: number): IoProcess[] {
		return [...this.known.values()]
			.filter(({ interval }) => interval.count > 0)
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
				mean_ns: known.interval.mean(),
				p99_ns: known.interval.percentile(0.99),
				max_ns: known.interval.max_ns,
				count_total: known.count_total,
				bytes_total: known.bytes_total,
			}));
	}

	/** All that did IO since start and are known. @param group `process` or `cgroup` */
	rows(group: string): IoRow[] {
		const rows = new Map<string, { first: Known; sum: Known }>();
		for (const [id, known] of this.known) {
			const name = group === 'cgroup' ? known.cgroup : id;
			const row = rows.get(name);
			if (row) add(row.sum, known);
			else rows.set(name, { first: known, sum: copy(known) });
		}
		return [...rows.values()].map(({ first, sum }) => ({
			device: safe`all`,
			dev: safe``,
			op: safe`all`,
			...(group === 'process' ? { pid: first.pid, start_time: first.start, comm: first.comm } : {}),
			cgroup: first.cgroup,
			count: sum.interval.count,
			bytes: sum.bytes_read + sum.bytes_written,
			stages: { total: stageStats(sum.interval) },
			count_total: sum.count_total,
			bytes_total: sum.bytes_total,
			stages_total: { total: { count: sum.count_total, sum_ns: sum.sum_total } },
		}));
	}

	/** The process's own name, while it lives: the kernel told that of the thread. */
	private nameOf(pid: number): SafeText | undefined {
		try {
			return sanitize(readFileSync(join(this.procRoot, String(pid), 'comm'), 'utf8').trimEnd());
		} catch {
			return undefined;
		}
	}
}

function copy(known: Known): Known {
	const interval = new Distribution();
	interval.add(known.interval);
	return { ...known, interval };
}

function add(sum: Known, other: Known): void {
	sum.interval.add(other.interval);
	sum.bytes_read += other.bytes_read;
	sum.bytes_written += other.bytes_written;
	sum.bytes_total += other.bytes_total;
	sum.count_total += other.count_total;
	sum.sum_total += other.sum_total;
}
