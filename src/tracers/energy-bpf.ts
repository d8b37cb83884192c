/** CPU time of every thread from the kernel's own counters, read by bpf/energy.bpf.c. */
import { Cgroups } from '../cgroups.ts';
import { CpuLedger, type Placement, type ProcessUse, type ThreadSample, type ThreadUse } from '../energy/cpu-ledger.ts';
import type { CpuCounter, CpuUse, ProcessInfo, TaskInfo } from '../energy/cpu-use.ts';
import { IrqTime } from '../energy/irq-time.ts';
import { constants, iteration_end, maps, thread_record, thread_state } from '../generated/energy.ts';
import { type SafeText, sanitize } from '../sanitize.ts';
import type { Count, Ns } from '../units.ts';
import { type BpfSession, openBpf } from './bpf-session.ts';
import type { BpfCost, Host, Source } from './tracer.ts';

/** The kernel's address of a task, whose upper bits say nothing: exact in a double. */
function identity(low: number, high: number): number {
	return (high & 0xfffff) * 2 ** 32 + low;
}

function sampleAt(view: DataView, at: number): ThreadSample & { state: number } {
	const record = thread_record.read(view, at) as ReturnType<typeof thread_record.read> & { task: number };
	record.task = identity(record.task_low, record.task_high);
	return record;
}

/** A process of the ledger with its control group by name. */
class Process implements ProcessInfo {
	private readonly use: ProcessUse;
	private readonly cgroups: Cgroups;

	constructor(use: ProcessUse, cgroups: Cgroups) {
		this.use = use;
		this.cgroups = cgroups;
	}

	get pid(): number {
		return this.use.pid;
	}
	get start(): Ns {
		return this.use.start;
	}
	get comm(): SafeText {
		return this.use.comm;
	}
	get cgroup(): SafeText {
		return this.cgroups.path(this.use.cgroup);
	}
	get uid(): number {
		return this.use.uid;
	}
	get threads(): Count {
		return this.use.threads;
	}
}

class Task implements TaskInfo {
	readonly process: ProcessInfo;
	private readonly use: ThreadUse;

	constructor(use: ThreadUse, process: ProcessInfo) {
		this.use = use;
		this.process = process;
	}

	get tid(): number {
		return this.use.tid;
	}
	get start(): Ns {
		return this.use.start;
	}
	get comm(): SafeText {
		return sanitize(this.use.rawComm);
	}
	get alive(): boolean {
		return this.use.alive;
	}
}

export class BpfCpu implements CpuCounter {
	readonly about: Pick<Source, 'description' | 'uncertainty' | 'hooks'>;
	readonly threads = true;
	private readonly bpf: BpfSession;
	private readonly ledger: CpuLedger;
	private readonly cgroups: Cgroups;
	private readonly irq: IrqTime | undefined;
	/** The ledger's objects under the names that the rest of the program uses. */
	private readonly processes = new WeakMap<ProcessUse, Process>();
	private readonly tasks = new WeakMap<ThreadUse, Task>();
	private lostRecords: Count = 0;
	private lostTime: Ns = 0;

	/** Throws {@link Unavailable}; nothing stays behind then. */
	constructor(host: Host, placement: Placement) {
		this.bpf = openBpf(host, 'energy', { layout: constants, shards: [maps.lost.name], optional: ['thread_exits'] });
		try {
			// Without this, what interrupts take is in the CPU time of whom they interrupt.
			const apart = host.addon.hasType('struct', 'irqtime');
			this.irq = apart ? new IrqTime(host.procRoot) : undefined;
			this.about = {
				description: apart ? '' : 'this kernel counts interrupts as time of the task they interrupt',
				uncertainty: 'exact',
				hooks: ['iter/task', ...this.bpf.hooks],
			};
			this.cgroups = new Cgroups(host.procRoot);
			// the first look is the baseline: nothing of before is charged
			const living = this.iterate();
			this.ledger = new CpuLedger(living.now, placement);
			this.look(living);
		} catch (error) {
			this.bpf.close();
			throw error;
		}
	}

	read(): CpuUse {
		// the living first: a thread that ends meanwhile has its record in the ring when that is drained
		this.look(this.iterate());
		this.bpf.drain(maps.ended.name, (view, at) => {
			const sample = sampleAt(view, at);
			if (sample.state === thread_state.THREAD_DEAD) this.ledger.bury(sample);
			else this.ledger.exit(sample);
		});
		this.takeLosses();
		this.cgroups.tick();
		const { processes, threads, unattributed_ns, alive, ended, unfinished } = this.ledger.interval();
		return {
			used: threads.map((thread) => ({
				task: this.task(thread),
				cpu_ns: thread.used_ns,
				work: thread.work,
				place: thread.place,
			})),
			processes: processes.map((process) => this.process(process)),
			threads: () => Array.from(this.ledger.living(), (thread) => this.task(thread)),
			unattributed_ns,
			irq_ns: this.irq?.read() ?? 0,
			alive,
			ended,
			lost: { ended_threads: this.lostRecords, unfinished_threads: unfinished },
		};
	}

	cost(): BpfCost {
		return this.bpf.cost();
	}

	close(): void {
		this.bpf.close();
	}

	private iterate(): { view: DataView; end: number; now: Ns } {
		// makes the kernel bring our own CPU's clock up to date, by which the iterator measures the running slices
		process.cpuUsage();
		const view = this.bpf.iterate('read_threads');
		const end = view.byteLength - iteration_end.size;
		return { view, end, now: iteration_end.read(view, end).boot_ns };
	}

	private look({ view, end, now }: { view: DataView; end: number; now: Ns }): void {
		this.ledger.beginLook();
		for (let at = 0; at < end; at += thread_record.size) this.ledger.observe(sampleAt(view, at));
		this.ledger.endLook(now);
	}

	private takeLosses(): void {
		let records = 0;
		let time = 0;
		for (const shard of this.bpf.shards(maps.lost)) {
			records += shard.records;
			time += shard.cpu_ns;
		}
		this.ledger.lose(records - this.lostRecords, time - this.lostTime);
		this.lostRecords = records;
		this.lostTime = time;
	}

	private process(use: ProcessUse): Process {
		let known = this.processes.get(use);
		if (known === undefined) {
			known = new Process(use, this.cgroups);
			this.processes.set(use, known);
		}
		return known;
	}

	private task(use: ThreadUse): Task {
		let known = this.tasks.get(use);
		if (known === undefined) {
			known = new Task(use, this.process(use.process));
			this.tasks.set(use, known);
		}
		return known;
	}
}
