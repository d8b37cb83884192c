/** Requests by process: the user-space side of bpf/io/processes.bpf.h. */
import { join } from 'node:path';
import type { BpfSession } from '../../bpf/bpf-session.ts';
import type { GroupNames } from '../../bpf/cgroups.ts';
import { type Claim, indexBits, type KeyedStore, poolBits, type StoreSize } from '../../bpf/keyed-store.ts';
import { Distribution, type LatencyReader } from '../../bpf/latency.ts';
import { possibleCpusOf } from '../../bpf/possible-cpus.ts';
import { stageStats } from '../../bpf/stage-distributions.ts';
import type { Host } from '../../core/tracer.ts';
import { io_op, io_writer, maps, type process_io, spilled_io } from '../../generated/io.ts';
import { readBytes } from '../../lib/read-file.ts';
import { type SafeText, safe, sanitize } from '../../lib/sanitize.ts';
import type { Bytes, Count, Ns } from '../../lib/units.ts';
import { APART, type ApartSums, apart, bytesField, noneApart } from './apart.ts';
import type { IoProcess, IoRow } from './snapshot.ts';

/** Processes kept beside those with IO in the interval; the one without IO for longest is dropped first. */
const KNOWN = 2048;

/** Processes beside those of the store in one interval: their requests come one by one. */
const SPILLED = 65_536;

/** Processes whose names are read again in each interval, beside those that seem to have changed theirs. */
const RENAMED = 4;

/** Processes that one CPU can tell apart: 512 at least. */
const [LEAST_BITS, MOST_BITS] = [9, 12];
/** Slots for each online CPU, and of the pool: 600 bytes each. Requests beyond come one by one, by a ring. */
const SLOTS_PER_CPU = 128;
const [LEAST_SLOTS, MOST_SLOTS] = [2048, 16384];

/** Size of the store by process. */
export function processStore({ cpus, addon }: Pick<Host, 'cpus' | 'addon'>): StoreSize {
	const programs = io_writer.IO_WRITERS;
	const slots = Math.min(MOST_SLOTS, Math.max(LEAST_SLOTS, SLOTS_PER_CPU * cpus));
	const most = Math.min(MOST_BITS, poolBits(slots));
	return { programs, bits: indexBits(possibleCpusOf(addon), programs, LEAST_BITS, most), slots };
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

/** A process without room in the store: its requests since the last read. */
interface Spilled {
	interval: Distribution;
	bytes_read: Bytes;
	bytes_written: Bytes;
	apart: ApartSums;
	last: Pick<spilled_io, 'start' | 'tgid' | 'cgroup' | 'ended_ns'> & { comm: Uint8Array };
}

export class Processes {
	private readonly bpf: Pick<BpfSession, 'drain'>;
	private readonly spilled = new Map<string, Spilled>();
	/** Requests that found no room in the store and came by the ring, and requests that found no room there either. */
	private taken: Count = 0;
	private lost: Count = 0;
	private readonly store: KeyedStore<process_io>;
	private readonly cgroups: GroupNames;
	private readonly procRoot: string;
	/** In order of the last IO, the newest at the end. */
	private readonly known = new Map<string, Known>();
	private turn = 0;

	constructor(bpf: Pick<BpfSession, 'drain'>, store: KeyedStore<process_io>, cgroups: GroupNames, procRoot: string) {
		this.bpf = bpf;
		this.store = store;
		this.cgroups = cgroups;
		this.procRoot = procRoot;
	}

	/** Requests of processes without room, in the store and in the ring. */
	get full(): Count {
		return this.lost;
	}

	/** Takes the requests that found no room in the store, before their ring is full. */
	drain(): void {
		this.bpf.drain(maps.spilled.name, (view, at) => this.take(spilled_io.read(view, at)));
	}

	private take({ start, tgid, cgroup, comm, ended_ns, took_ns, slot, bytes, op }: spilled_io): void {
		const id = `${tgid}:${start}`;
		let spilled = this.spilled.get(id);
		if (!spilled) {
			if (this.spilled.size >= SPILLED) return;
			const last = { start, tgid, cgroup, ended_ns, comm };
			spilled = { interval: new Distribution(), bytes_read: 0, bytes_written: 0, apart: noneApart(), last };
			this.spilled.set(id, spilled);
		}
		this.taken++;
		spilled.interval.grow({ slots: [slot], added: [1], count: 1, sum_ns: took_ns, max_ns: took_ns });
		const field = bytesField(op);
		if (field !== 'bytes') spilled.apart[field] += bytes;
		else if (op === io_op.IO_READ) spilled.bytes_read += bytes;
		else spilled.bytes_written += bytes;
		// the record's bytes are those of the ring
		if (ended_ns >= spilled.last.ended_ns) spilled.last = { start, tgid, cgroup, ended_ns, comm: comm.slice() };
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
		for (const { claim, value } of this.store.changed(ended)) this.addEntry(claim, value, latencies);
		// after the store, which counts each of them before it is in the ring
		this.drain();
		this.lost = Math.max(this.lost, this.store.full - this.taken);
		for (const { last, interval, bytes_read, bytes_written, apart } of this.spilled.values())
			this.add({ ...last, last_ns: last.ended_ns }, { interval, bytes_read, bytes_written, apart });
		this.spilled.clear();
		this.refreshNames();
		for (const [id, { interval }] of this.known) {
			if (this.known.size <= KNOWN || interval.count > 0) break;
			this.known.delete(id);
		}
	}

	private addEntry(claim: Claim, value: process_io, latencies: LatencyReader): void {
		const more = noneApart();
		const interval = claim.difference(latencies, 'total', value.total);
		for (const name of APART) more[name] = claim.grown(name, value[name]);
		this.add(
			{ start: claim.a, tgid: claim.b, cgroup: value.cgroup, comm: value.comm, last_ns: value.last_ns },
			{
				interval,
				bytes_read: claim.grown('bytes_read', value.bytes_read),
				bytes_written: claim.grown('bytes_written', value.bytes_written),
				apart: more,
			},
		);
	}

	/** Requests of a process, beside those that other CPUs have of it. */
	private add(
		{
			start,
			tgid,
			cgroup,
			comm,
			last_ns,
		}: Pick<process_io, 'cgroup' | 'comm' | 'last_ns'> & { start: Ns; tgid: number },
		{ interval, bytes_read, bytes_written, apart: more }: Omit<Spilled, 'last'>,
	): void {
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
			Object.assign(known, { last: last_ns, taskComm, cgroup: this.cgroups.pathOf(cgroup, { pid: tgid, start }) });
		}
		known.interval.add(interval);
		known.bytes_read += bytes_read;
		known.bytes_written += bytes_written;
		for (const name of APART) {
			known.apart[name] += more[name];
			known.apart[`${name}_total`] += more[name];
		}
		known.bytes_total += bytes_read + bytes_written;
		known.count_total += interval.count;
		known.sum_total += interval.sum_ns;
		this.known.delete(id);
		this.known.set(id, known);
	}

	/** Processes with IO in the interval. */
	private active(): Known[] {
		return [...this.known.values()].filter(({ pid, interval }) => pid > 0 && interval.count > 0);
	}

	/** Number of those. */
	get count(): Count {
		return this.active().length;
	}

	/** Processes with IO in the interval, most requests first. */
	list(limit: number): IoProcess[] {
		return this.active()
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
			const stat = readBytes(join(this.procRoot, String(pid), 'stat'));
			const end = stat.lastIndexOf(')');
			// fields 3 and on; the start is field 22
			const started = stat.toString('latin1', end + 2).split(' ')[19];
			return { comm: sanitize(stat.subarray(stat.indexOf('(') + 1, end)), ...(started ? { started } : {}) };
		} catch {
			return undefined;
		}
	}
}
