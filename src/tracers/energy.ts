/**
 * Who burns the watts: CPU time of every process from the kernel's own counters (bpf/energy.bpf.c), and a source of
 * power whose energy is shared out by it. What does not belong to a process is named, so that the sum is the whole.
 */
import { Cgroups } from '../cgroups.ts';
import { attribute } from '../energy/attribution.ts';
import { CpuLedger, type ProcessUse, type ThreadSample } from '../energy/cpu-ledger.ts';
import { modelSource, type PowerSource } from '../energy/model.ts';
import { constants, iteration_end, maps, thread_record, thread_state } from '../generated/energy.ts';
import type { SafeText } from '../sanitize.ts';
import type { Count, MicroJoules, Ns, Watts } from '../units.ts';
import { type BpfSession, openBpf } from './bpf-session.ts';
import type { BpfCost, Column, Host, Options, Reading, Session, Source, Tracer } from './tracer.ts';

export interface EnergyRow {
	/** Process id (tgid) in the initial pid namespace. */
	pid: number;
	/** Start of the process, ns since boot (CLOCK_BOOTTIME): with the pid it names a process for good. */
	start_time: Ns;
	comm: SafeText;
	cgroup: SafeText;
	cpu_ns: Ns;
	cpu_ns_total: Ns;
	energy_uj: MicroJoules;
	energy_uj_total: MicroJoules;
	watts: Watts;
	/** Part of the energy measured in the interval, idle included; 0–1. */
	share: number;
	/** Threads alive; 0: the process has ended. */
	threads: Count;
}

/** Σ rows.energy_uj + idle_uj + irq_uj + unattributed_uj = measured_uj, always. */
export interface EnergyExtra {
	measured_uj: MicroJoules;
	idle_uj: MicroJoules;
	irq_uj: MicroJoules;
	unattributed_uj: MicroJoules;
	/** Processes alive / ended in this interval. */
	alive: Count;
	ended: Count;
}

/** The kernel's address of a task, whose upper bits say nothing: exact in a double. */
function identity(low: number, high: number): number {
	return (high & 0xfffff) * 2 ** 32 + low;
}

function sampleAt(view: DataView, at: number): ThreadSample & { state: number } {
	const record = thread_record.read(view, at) as ReturnType<typeof thread_record.read> & { task: number };
	record.task = identity(record.task_low, record.task_high);
	return record;
}

class EnergySession implements Session<EnergyRow, EnergyExtra> {
	private readonly bpf: BpfSession;
	private readonly ledger: CpuLedger;
	private readonly power: PowerSource;
	private readonly cgroups: Cgroups;
	private readonly source: Source;
	/** Energy charged since start. */
	private readonly totals = new WeakMap<ProcessUse, MicroJoules>();
	private lostRecords: Count = 0;
	private lostTime: Ns = 0;

	constructor(bpf: BpfSession, power: PowerSource, procRoot: string) {
		this.bpf = bpf;
		this.power = power;
		this.cgroups = new Cgroups(procRoot);
		this.source = { ...power.source, hooks: ['iter/task', ...bpf.hooks] };
		// the first look is the baseline: nothing of before is charged
		const living = this.iterate();
		this.ledger = new CpuLedger(living.now);
		this.look(living);
	}

	read(dt: Ns): Reading<EnergyRow, EnergyExtra> {
		// the living first: a thread that ends meanwhile has its record in the ring when that is drained
		this.look(this.iterate());
		this.bpf.drain(maps.ended.name, (view, at) => {
			const sample = sampleAt(view, at);
			if (sample.state === thread_state.THREAD_DEAD) this.ledger.bury(sample);
			else this.ledger.exit(sample);
		});
		this.takeLosses();
		const { processes, unattributed_ns, alive, ended, unfinished } = this.ledger.interval();
		const cpu = Float64Array.from(processes, (process) => process.cpu_ns);
		const busy = cpu.reduce((sum, ns) => sum + ns, unattributed_ns);
		const { rows_uj, ...sums } = attribute(this.power.measure(dt, busy), cpu, unattributed_ns);
		this.cgroups.tick();
		return {
			rows: processes.map((process, index) => this.row(process, rows_uj[index] as MicroJoules, sums.measured_uj, dt)),
			extra: { ...sums, alive, ended },
			source: this.source,
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

	private row(process: ProcessUse, energy_uj: MicroJoules, measured_uj: MicroJoules, dt: Ns): EnergyRow {
		const energy_uj_total = (this.totals.get(process) ?? 0) + energy_uj;
		this.totals.set(process, energy_uj_total);
		return {
			pid: process.pid,
			start_time: process.start,
			comm: process.comm,
			cgroup: this.cgroups.path(process.cgroup),
			cpu_ns: process.cpu_ns,
			cpu_ns_total: process.cpu_ns_total,
			energy_uj,
			energy_uj_total,
			// µJ / ns = kW
			watts: dt > 0 ? (energy_uj / dt) * 1000 : 0,
			share: measured_uj > 0 ? energy_uj / measured_uj : 0,
			threads: process.threads,
		};
	}
}

const columns: readonly Column<EnergyRow>[] = [
	{
		key: 'pid',
		title: 'PID',
		kind: 'pid',
		width: 7,
		priority: 1,
		help: 'Process id in the initial pid namespace.',
		value: (row) => row.pid,
	},
	{
		key: 'watts',
		title: 'WATTS',
		kind: 'watts',
		width: 7,
		priority: 0,
		help: 'Power that this process used on average in the interval, idle power of the machine not included.',
		value: (row) => row.watts,
	},
	{
		key: 'share',
		title: 'SHARE',
		kind: 'share',
		width: 6,
		priority: 5,
		help: 'Part of all energy of the interval, idle energy included in the whole.',
		value: (row) => row.share,
	},
	{
		key: 'energy_uj',
		title: 'ENERGY',
		kind: 'microjoules',
		width: 7,
		priority: 4,
		help: 'Energy charged to this process in the interval.',
		value: (row) => row.energy_uj,
	},
	{
		key: 'energy_uj_total',
		title: 'TOTAL',
		kind: 'microjoules',
		width: 7,
		priority: 3,
		help: 'Energy charged to this process since wattlag started.',
		value: (row) => row.energy_uj_total,
	},
	{
		key: 'cpu',
		title: 'CPU',
		kind: 'share',
		width: 6,
		priority: 2,
		help: 'CPU time used per time passed, 100 % being one CPU (kernel counter sum_exec_runtime, all threads).',
		value: (row, seconds) => row.cpu_ns / (seconds * 1e9),
	},
	{
		key: 'cpu_ns_total',
		title: 'CPU TIME',
		kind: 'ns',
		width: 8,
		priority: 6,
		help: 'CPU time used since wattlag started, all threads.',
		value: (row) => row.cpu_ns_total,
	},
	{
		key: 'threads',
		title: 'THR',
		kind: 'count',
		width: 5,
		priority: 7,
		help: 'Threads alive at the end of the interval; 0: the process has ended.',
		value: (row) => row.threads,
	},
	{
		key: 'comm',
		aliases: ['command', 'name'],
		title: 'COMMAND',
		kind: 'text',
		width: 15,
		grow: true,
		priority: 1,
		help: 'Name of the process as it was last set (comm, at most 15 bytes).',
		value: (row) => row.comm,
	},
	{
		key: 'cgroup',
		title: 'CGROUP',
		kind: 'text',
		width: 20,
		grow: true,
		priority: 8,
		help: 'Control group in the unified hierarchy; #id where it is gone or not visible from here.',
		value: (row) => row.cgroup,
	},
];

export const energy: Tracer<EnergyRow, EnergyExtra> = {
	id: 'energy',
	title: 'Energy',
	summary: 'watts and joules of every process, and its CPU time',
	columns,
	defaultSort: 'watts',
	groups: ['process'],
	options: [
		{
			name: 'power',
			short: 'p',
			type: 'number',
			default: 15,
			min: 0.001,
			max: 100_000,
			placeholder: 'WATTS',
			help: 'power of the machine with all CPUs busy (TDP), for the model',
		},
		{
			name: 'idle-share',
			type: 'number',
			default: 20,
			min: 0,
			max: 100,
			placeholder: 'PERCENT',
			help: 'part of --power that is used when all CPUs are idle, for the model; processors idle at 10 to 30 % of their TDP',
		},
	],
	rowKey: (row) => `${row.pid}:${row.start_time}`,
	processOf: (row) => `${row.pid}:${row.start_time}`,
	start(host: Host, options: Options): Session<EnergyRow, EnergyExtra> {
		const power = modelSource({
			tdp: Number(options['power'] ?? 15),
			idleShare: Number(options['idle-share'] ?? 20) / 100,
			cpus: host.cpus,
		});
		const bpf = openBpf(host, 'energy', { layout: constants, shards: [maps.lost.name], optional: ['thread_exits'] });
		try {
			return new EnergySession(bpf, power, host.procRoot);
		} catch (error) {
			bpf.close();
			throw error;
		}
	},
};
