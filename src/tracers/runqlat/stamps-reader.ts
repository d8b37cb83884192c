/**
 * The reader for kernels that neither stamp waiting tasks nor keep storage for them (bpf/runqlat/runqlat-stamps.bpf.c). Machine,
 * CPUs and processes only; no filter, no switches, no groups.
 */

import type { BpfSession } from '../../bpf/bpf-session.ts';
import { openBpf } from '../../bpf/load.ts';
import type { TaskFilter } from '../../bpf/task-filter.ts';
import { Unavailable } from '../../core/errors.ts';
import type { BpfCost, Host } from '../../core/tracer.ts';
import { constants, ended_record, maps, stamp } from '../../generated/runqlat-stamps.ts';
import { monotonicNs } from '../../lib/clock.ts';
import { type ForeignBytes, viewOf } from '../../lib/decode.ts';
import type { CpuWaits, Reader, Sink } from './reader.ts';

const { processes, stamps } = maps;

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
	private readonly keys = new Uint8Array(stamps.entries * 4);
	private readonly values = new Uint8Array(
		Math.max(processes.entries * processes.value.size, stamps.entries * stamp.size),
	);

	/**
	 * @param why what the usual reader lacks here
	 * @param monotonic not by the run queue's clock, even where it can be found; for tests
	 */
	constructor(host: Host, filter: TaskFilter, why: string, monotonic = false) {
		this.setFilter(filter);
		const { addon } = host;
		const byQueue = !monotonic && addon.hasMember('sched_entity', 'cfs_rq') && addon.hasMember('cfs_rq', 'rq');
		const percent = byQueue ? 1 : 2;
		this.uncertainty = `counts and sums ±${percent} %; percentiles ±6.25 % system-wide and per CPU, ±25 % per process`;
		this.description = `time between runnable and running of every task, by stamps of our own (${why}); no threads, groups and filters`;
		this.bpf = openBpf(host, 'runqlat-stamps', {
			layout: constants,
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

	begin(epoch: number): void {
		const value = new Uint8Array(8);
		viewOf(value).setUint32(0, epoch, true);
		this.bpf.object.update(maps.interval.name, new Uint8Array(4), value);
	}

	setFilter({ tgid, cgroup, comm }: TaskFilter): void {
		if (tgid === undefined && cgroup === undefined && comm === undefined) return;
		throw new Unavailable(
			'this kernel lacks what filters in the kernel need',
			'leave out --pid, --comm and --cgroup; / filters rows',
		);
	}

	cpus(): readonly CpuWaits[] {
		return this.bpf.shards(maps.cpu_waits);
	}

	tasks(sink: Sink): void {
		this.each(processes.name, processes.value.size, processes.entries, (pid, view, at) => {
			const waits = processes.value.read(view, at);
			sink.process(seen(pid, waits));
			sink.moved(pid, waits.created, Math.max(0, waits.run_delay_ns - waits.sum_ns));
		});
		const now = monotonicNs();
		this.each(stamps.name, stamp.size, stamps.entries, (tid, view, at) => {
			const { since, tgid, cpu, comm } = stamp.read(view, at);
			sink.waiting({ pid: tgid, tid, cpu, comm, age_ns: Math.max(0, now - since), running: 0 });
		});
		this.bpf.drain(maps.ended.name, (view, at) => {
			const { tgid, waits } = ended_record.read(view, at);
			sink.process(seen(tgid, waits));
			sink.gone(tgid, waits.created, waits.created, true);
		});
	}

	cost(): BpfCost {
		return this.bpf.cost();
	}

	close(): void {
		this.bpf.close();
	}

	private each(map: string, size: number, room: number, take: (key: number, view: DataView, at: number) => void): void {
		const values = this.values.subarray(0, room * size);
		const found = this.bpf.object.readBatch(map, this.keys.subarray(0, room * 4), values);
		const [keys, view] = [viewOf(this.keys), viewOf(values)];
		for (let index = 0; index < found; index++) take(keys.getUint32(index * 4, true), view, index * size);
	}
}

interface ProcessWaits {
	created: number;
	comm: ForeignBytes;
	sum_ns: number;
	longest: Uint32Array;
	slots: Uint32Array;
}

/** When its counters began stands for when it did: the kernel's side does not tell pids used twice apart otherwise. */
function seen(pid: number, { created, comm, ...waits }: ProcessWaits) {
	return { pid, start: created, comm, waits, created, voluntary: 0, involuntary: 0 };
}
