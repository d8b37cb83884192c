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

/** Processes whose names are read again in each interval, beside those that seem to have changed theirs. */
const RENAMED = 64;

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
	/** The kernel side's, of the thread; its last IO. */
	taskComm: SafeText;
	last: Ns;
	/** Its name may have changed; the thread's name when it was read last. */
	renamed: boolean;
	named?: SafeText;
	/** Start as in /proc/PID/stat: tells it from a later process of its pid; undefined: not read yet, empty: it had ended. */
	started?: string;
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
	private turn = 0;

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
		this.refreshNames();
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

	private add({ start, tgid, cgroup, comm, last_ns }: process_io, { interval, sums }: Difference): void {
		const id = `${tgid}:${start}`;
		const known = this.known.get(id) ?? {
			pid: tgid,
			start,
			comm: tgid === 0 ? safe`(control group)` : sanitize(comm),
			cgroup: safe``,
			taskComm: safe``,
			last: 0,
			renamed: false,
			interval: new Distribution(),
			bytes_read: 0,
			bytes_written: 0,
			apart: noneApart(),
			bytes_total: 0,
			count_total: 0,
			sum_total: 0,
		};
		// other CPUs have entries of it too, some of before an exec or a move
		if (last_ns > known.last) {
			const taskComm = sanitize(comm);
			known.renamed ||= tgid > 0 && taskComm !== known.taskComm;
			Object.assign(known, { last: last_ns, taskComm, cgroup: this.cgroups.path(cgroup) });
		}
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

	/**
	 * Names of living processes from /proc, since the kernel side records those of threads: where that one changed, and of
	 * some others in turns, which may have changed theirs without IO.
	 */
	private refreshNames(): void {
		const all = [...this.known.values()];
		const turns = Math.min(RENAMED, all.length);
		for (let n = 0; n < turns; n++) (all[(this.turn + n) % all.length] as Known).renamed ||= true;
		this.turn = (this.turn + turns) % Math.max(1, all.length);
		for (const known of all) {
			if (!known.renamed || known.pid === 0) continue;
			known.renamed = false;
			const stat = this.statOf(known.pid);
			if (!stat) known.started ??= '';
			const isSame = stat !== undefined && (known.started === undefined || known.started === stat.started);
			// it has ended: the name that its last IO had, unless that is one of its threads'
			if (isSame) Object.assign(known, stat);
			else if (known.started === '' || known.named !== known.taskComm) known.comm = known.taskComm;
			known.named = known.taskComm;
		}
	}

	private statOf(pid: number): Pick<Known, 'comm' | 'started'> | undefined {
		try {
			const stat = readFileSync(join(this.procRoot, String(pid), 'stat'));
			const end = stat.lastIndexOf(')');
			// fields 3 and on; the start is field 22
			const started = stat.toString('latin1', end + 2).split(' ')[19];
			return { comm: sanitize(stat.subarray(stat.indexOf('(') + 1, end)), ...(started ? { started } : {}) };
		} catch {
			return undefined;
		}
	}
}
