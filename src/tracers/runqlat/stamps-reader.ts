/**
 * The reader for kernels without stamps of waiting tasks or task storage (bpf/runqlat/runqlat-stamps.bpf.c). Machine, CPUs
 * and processes only; no filter, switches and groups.
 */

import type { BpfSession } from '../../bpf/bpf-session.ts';
import { openBpf } from '../../bpf/load.ts';
import type { TaskFilter } from '../../bpf/task-filter.ts';
import { Unavailable } from '../../core/errors.ts';
import type { BpfCost, Host } from '../../core/tracer.ts';
import { constants, counted_program, ended_record, maps, stamp } from '../../generated/runqlat-stamps.ts';
import { monotonicNs } from '../../lib/clock.ts';
import { type ForeignBytes, viewOf } from '../../lib/decode.ts';
import { readLatin1 } from '../../lib/read-file.ts';
import type { Ns } from '../../lib/units.ts';
import type { CpuWaits, ProcessRecord, Reader, TaskRecord } from './reader.ts';

const { processes, stamps } = maps;

/** Waits of at least this age need another witness than our stamp, whose end a hidden switch may have withheld: ns. */
const WITNESS_FROM: Ns = 1e9;

/** Field 41 of /proc/TID/stat, counted from the state, which is the third. */
const POLICY = 38;
const DEADLINE = '6';

/**
 * Does the thread wait for a CPU, in state R? Whether one with a budget of its own (SCHED_DEADLINE) waits for a CPU or for
 * its next period is not known here.
 */
function isRunnable(procRoot: string, pid: number, tid: number): boolean {
	try {
		const stat = readLatin1(`${procRoot}/${pid}/task/${tid}/stat`);
		const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
		return fields[0] === 'R' && fields[POLICY] !== DEADLINE;
	} catch {
		// it has ended
		return false;
	}
}

export class StampsReader implements Reader {
	readonly kind = 'own stamps';
	readonly uncertainty: string;
	readonly lacks = 'threads, groups and filters';
	readonly hasThreads = false;
	readonly description: string;
	readonly hooks: readonly string[];
	readonly missing: readonly string[];
	readonly possibleCpus: number;
	private readonly bpf: BpfSession;
	private readonly procRoot: string;
	private readonly keys = new Uint8Array(stamps.entries * 4);
	private readonly values = new Uint8Array(
		Math.max(processes.entries * processes.value.size, stamps.entries * stamp.size),
	);

	/**
	 * @param why the feature that the usual reader lacks here
	 * @param monotonic do not use the run queue's clock, even where it is available; for tests
	 */
	constructor(host: Host, filter: TaskFilter, why: string, monotonic = false) {
		this.setFilter(filter);
		this.procRoot = host.procRoot;
		const { addon } = host;
		const byQueue = !monotonic && addon.hasMember('sched_entity', 'cfs_rq') && addon.hasMember('cfs_rq', 'rq');
		const percent = byQueue ? 1 : 2;
		this.uncertainty = `counts and sums ±${percent} %; percentiles ±6.25 % system-wide and per CPU, ±25 % per process`;
		this.description = `time between runnable and running of every task, by own stamps (${why}); no threads, groups and filters`;
		this.bpf = openBpf(host, 'runqlat-stamps', {
			layout: constants,
			counted: counted_program,
			constants: { by_monotonic: monotonic },
			shards: [maps.cpu_waits.name],
		});
		this.missing = [
			`${why}: own stamps (sums ±${percent} %), no threads, groups, switches, culprits and kernel filters`,
			...this.bpf.missing,
		];
		this.hooks = this.bpf.hooks;
		this.possibleCpus = this.bpf.possibleCpus;
	}

	begin(epoch: number): [] {
		const value = new Uint8Array(8);
		viewOf(value).setUint32(0, epoch, true);
		this.bpf.object.update(maps.interval.name, new Uint8Array(4), value);
		return [];
	}

	setFilter({ tgid, cgroup, comm }: TaskFilter): void {
		if (tgid === undefined && cgroup === undefined && comm === undefined) return;
		throw new Unavailable(
			'this kernel lacks the features that filters in the kernel need',
			'leave out --pid, --comm and --cgroup; / filters rows',
		);
	}

	cpus(): readonly CpuWaits[] {
		return this.bpf.shards(maps.cpu_waits);
	}

	*tasks(): Generator<TaskRecord, void> {
		for (const [pid, view, at] of this.entries(processes.name, processes.value.size, processes.entries)) {
			const waits = processes.value.read(view, at);
			yield recordOf(pid, waits, Math.max(0, waits.run_delay_ns - waits.sum_ns));
		}
		const now = monotonicNs();
		for (const [tid, view, at] of this.entries(stamps.name, stamp.size, stamps.entries)) {
			const { since, tgid: pid, cpu, comm } = stamp.read(view, at);
			const age_ns = Math.max(0, now - since);
			const runnable = age_ns >= WITNESS_FROM && isRunnable(this.procRoot, pid, tid);
			const wait = { cpu, age_ns, longer: false, runnable, throttled: false, running: 0, moved_ns: 0 };
			yield { kind: 'waiting', pid, start: 0, tid, threadStart: 0, comm, ...wait };
		}
		yield* this.bpf.records(maps.ended.name, (view, at): TaskRecord => {
			const { tgid, waits } = ended_record.read(view, at);
			return { ...recordOf(tgid, waits, 0), gone: { whole: true } };
		});
	}

	cost(fresh?: boolean): BpfCost {
		return this.bpf.cost(fresh);
	}

	close(): void {
		this.bpf.close();
	}

	/** The entries of a map: key, and the value at an offset of a view. */
	private *entries(
		map: string,
		size: number,
		most: number,
	): Generator<[key: number, view: DataView, at: number], void> {
		const values = this.values.subarray(0, most * size);
		const found = this.bpf.object.readBatch(map, this.keys.subarray(0, most * 4), values);
		const [keys, view] = [viewOf(this.keys), viewOf(values)];
		for (let index = 0; index < found; index++) yield [keys.getUint32(index * 4, true), view, index * size];
	}
}

interface ProcessWaits {
	created: number;
	comm: ForeignBytes;
	sum_ns: number;
	longest: Uint32Array;
	slots: Uint32Array;
}

/** The creation of its counters serves as its start: the kernel's side does not distinguish reused pids otherwise. */
function recordOf(pid: number, { created, comm, sum_ns, longest, slots }: ProcessWaits, moved_ns: Ns): ProcessRecord {
	const waits = { sum_ns, longest, slots };
	const switches = { voluntary: 0, involuntary: 0 };
	return { kind: 'process', pid, start: created, comm, waits, created, ...switches, moved_ns, gone: null };
}
