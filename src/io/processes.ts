/** Requests by the process they belong to. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Cgroups } from '../cgroups.ts';
import { maps } from '../generated/io.ts';
import { type SafeText, safe, sanitize } from '../sanitize.ts';
import { stageStats } from '../stages/distributions.ts';
import type { BpfSession } from '../tracers/bpf-session.ts';
import { HashReader } from '../tracers/hash-reader.ts';
import { Distribution, type LatencyReader } from '../tracers/latency.ts';
import type { Bytes, Count, Ns } from '../units.ts';
import type { IoProcess, IoRow } from './snapshot.ts';

/** Entries of the kernel's map. */
const CAPACITY = 2048;
/** Above this many, those that have ended make room. */
const CROWDED = CAPACITY / 2;
/** Reads without IO after which an ended process may go: its last writes may still be on their way. */
const IDLE_READS = 5;

interface Known {
	pid: number;
	start: Ns;
	comm: SafeText;
	cgroup: SafeText;
	interval: Distribution;
	bytes_read: Bytes;
	bytes_written: Bytes;
	read_total: Bytes;
	written_total: Bytes;
	count_total: Count;
	sum_total: Ns;
	idle: number;
}

export class Processes {
	private readonly bpf: BpfSession;
	private readonly cgroups: Cgroups;
	private readonly procRoot: string;
	private readonly map: HashReader<
		ReturnType<typeof maps.processes.key.read>,
		ReturnType<typeof maps.processes.value.read>
	>;
	private readonly known = new Map<string, Known>();

	constructor(bpf: BpfSession, cgroups: Cgroups, procRoot: string) {
		this.bpf = bpf;
		this.cgroups = cgroups;
		this.procRoot = procRoot;
		this.map = new HashReader(bpf, maps.processes, CAPACITY);
	}

	read(latencies: LatencyReader): void {
		this.cgroups.tick();
		for (const { id, key, value } of this.map.entries()) {
			const interval = latencies.difference(`process ${id}`, value.total);
			let known = this.known.get(id);
			if (!known) {
				known = {
					pid: key.tgid,
					start: key.start,
					comm: this.nameOf(key.tgid) ?? sanitize(value.comm),
					cgroup: this.cgroups.path(value.cgroup),
					interval,
					bytes_read: 0,
					bytes_written: 0,
					read_total: 0,
					written_total: 0,
					count_total: 0,
					sum_total: 0,
					idle: 0,
				};
				this.known.set(id, known);
			}
			known.interval = interval;
			known.bytes_read = value.bytes_read - known.read_total;
			known.bytes_written = value.bytes_written - known.written_total;
			known.read_total = value.bytes_read;
			known.written_total = value.bytes_written;
			known.count_total += interval.count;
			known.sum_total += interval.sum_ns;
			known.idle = interval.count > 0 ? 0 : known.idle + 1;
		}
		if (this.known.size > CROWDED) this.makeRoom(latencies);
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
				bytes_total: known.read_total + known.written_total,
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
			bytes_total: sum.read_total + sum.written_total,
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

	/** Ended processes leave the kernel's map. What they did stays counted in the rows of devices. */
	private makeRoom(latencies: LatencyReader): void {
		for (const [id, { pid, idle }] of this.known) {
			if (idle < IDLE_READS || existsSync(join(this.procRoot, String(pid)))) continue;
			this.bpf.object.remove(maps.processes.name, Buffer.from(id, 'latin1'));
			this.known.delete(id);
			latencies.forget(`process ${id}`);
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
	sum.read_total += other.read_total;
	sum.written_total += other.written_total;
	sum.count_total += other.count_total;
	sum.sum_total += other.sum_total;
}
