/** Requests by process: the user-space side of bpf/io/processes.bpf.h. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Claim, indexBits, type KeyedStore, type StoreSize } from '../../bpf/keyed-store.ts';
import { Distribution, type LatencyReader } from '../../bpf/latency.ts';
import { stageStats } from '../../bpf/stage-distributions.ts';
import type { Host } from '../../core/tracer.ts';
import { io_writer, type process_io } from '../../generated/io.ts';
import { type SafeText, safe, sanitize } from '../../lib/sanitize.ts';
import type { Bytes, Count, Ns } from '../../lib/units.ts';
import type { Cgroups } from '../../system/cgroups.ts';
import { APART, type ApartSums, apart, noneApart } from './apart.ts';
import type { IoProcess, IoRow } from './snapshot.ts';

/** Processes kept beside those with IO in the interval; the one without IO for longest is dropped first. */
const KNOWN = 2048;

/** Processes whose names are read again in each interval, beside those that seem to have changed theirs. */
const RENAMED = 4;

/** Processes that one CPU can tell apart: 512 at least. */
const [LEAST_BITS, MOST_BITS] = [9, 12];
/** Slots for each online CPU, and of the pool: 600 bytes each. */
const SLOTS_PER_CPU = 128;
const [LEAST_SLOTS, MOST_SLOTS] = [4096, 16384];

/** Size of the store by process. */
export function processStore({ cpus, addon }: Pick<Host, 'cpus' | 'addon'>): StoreSize {
	const programs = io_writer.IO_WRITERS;
	return {
		programs,
		bits: indexBits(addon.possibleCpus(), programs, LEAST_BITS, MOST_BITS),
		slots: Math.min(MOST_SLOTS, Math.max(LEAST_SLOTS, SLOTS_PER_CPU * cpus)),
	};
}

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

export class Processes {
	private readonly store: KeyedStore<process_io>;
	private readonly cgroups: Cgroups;
	private readonly procRoot: string;
	/** In order of the last IO, the newest at the end. */
	private readonly known = new Map<string, Known>();
	private turn = 0;

	constructor(store: KeyedStore<process_io>, cgroups: Cgroups, procRoot: string) {
		this.store = store;
		this.cgroups = cgroups;
		this.procRoot = procRoot;
	}

	/** Requests of processes without room. */
	get full(): Count {
		return this.store.full;
	}

	/** @param ended number of the interval that this read ends */
	read(latencies: LatencyReader, ended: number): void {
		for (const known of this.known.values()) {
			// bytes that were read before their request was counted stay for the interval of the request
			if (known.interval.count === 0) continue;
			known.interval = new Distribution();
			known.bytes_read = 0;
			known.bytes_written = 0;
			for (const name of APART) known.apart[name] = 0;
		}
		for (const { claim, value } of this.store.changed(ended)) this.add(claim, value, latencies);
		this.refreshNames();
		for (const [id, { interval }] of this.known) {
			if (this.known.size <= KNOWN || interval.count > 0) break;
			this.known.delete(id);
		}
	}

	private add(claim: Claim, value: process_io, latencies: LatencyReader): void {
		const { a: start, b: tgid } = claim;
		const { cgroup, comm, last_ns } = value;
		const interval = claim.difference(latencies, 'total', value.total);
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
		const read = claim.grown('bytes_read', value.bytes_read);
		const written = claim.grown('bytes_written', value.bytes_written);
		known.interval.add(interval);
		known.bytes_read += read;
		known.bytes_written += written;
		for (const name of APART) {
			const more = claim.grown(name, value[name]);
			known.apart[name] += more;
			known.apart[`${name}_total`] += more;
		}
		known.bytes_total += read + written;
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
