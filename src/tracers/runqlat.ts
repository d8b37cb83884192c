/**
 * Run-queue latency: how long tasks that could run had to wait for a CPU, for the whole machine and per process, from
 * the scheduler's own stamps (bpf/runqlat.bpf.c). The kernel's figures count up for ever; intervals are differences.
 */
import { type Account, Accounts, type Switches } from '../runqueue/accounts.ts';
import { type Blamed, Culprits } from '../runqueue/culprits.ts';
import { filterOf, filterText } from '../runqueue/filter.ts';
import type { Reader, TaskFilter } from '../runqueue/reader.ts';
import { StampsReader } from '../runqueue/stamps-reader.ts';
import { missing, StorageReader } from '../runqueue/storage-reader.ts';
import { EPOCHS, type WaitFigures } from '../runqueue/waits.ts';
import { DEFAULT_ZONES, invalidZones, log2Slots, parseZones } from '../runqueue/zones.ts';
import { type SafeText, safe, sanitize } from '../sanitize.ts';
import type { Count, Ns } from '../units.ts';
import type { BpfCost, Column, Host, Options, Reading, Session, Source, Tracer } from './tracer.ts';

export interface RunqlatKey {
	kind: 'all' | 'process' | 'thread' | 'cgroup' | 'pidns' | 'cpu';
	/** pid, tid, cgroup id, namespace inode, CPU; 0 for `all`. */
	id: number;
	comm: SafeText;
	/** Of processes and threads, ns since boot. */
	start_time?: Ns;
	/** Process of a thread. */
	pid?: number;
}

export interface RunqlatRow extends WaitFigures {
	key: RunqlatKey;
	/** Switches away from it because it went to sleep; because another was to run. Not for CPUs. */
	voluntary?: Count;
	involuntary?: Count;
	voluntary_total?: Count;
	involuntary_total?: Count;
}

/** A task that is runnable and not running at the moment of the read. */
export interface Waiting {
	pid: number;
	tid: number;
	comm: SafeText;
	cpu: number;
	age_ns: Ns;
}

/** One process looked at closely. */
export interface Focus {
	pid: number;
	/** Its threads, those that waited longest first, at most 100; without histograms. */
	threads: RunqlatRow[];
}

export interface RunqlatExtra {
	/** Oldest first, at most 64; `waiting_count` is all of them. */
	waiting: Waiting[];
	waiting_count: Count;
	/** Each CPU's waits in the interval, whatever the rows stand for. */
	cpus: { cpu: number; count: Count; wait_ns: Ns; p99_ns: Ns }[];
	/** Limits between zones. */
	zones_ns: Ns[];
	/** All waits in 26 powers of two of `log2_unit_ns`, the first below two units, the last one open. */
	log2: Count[];
	log2_unit_ns: Ns;
	/** Tasks that are measured, in words; empty: all. */
	filter: SafeText;
	/** Who ran while others waited; empty unless asked for. The 64 processes that waited longest. */
	culprits: Blamed[];
	focus: Focus | null;
}

const MAX_WAITING = 64;
const MAX_BLAMED = 64;

/** How often all processes are read, so that one whose end was not reported does not stay: ns. */
const FULL_READ_EVERY: Ns = 10e9;

class RunqlatSession implements Session<RunqlatRow, RunqlatExtra> {
	private readonly host: Host;
	private readonly reader: Reader;
	private readonly accounts: Accounts;
	private readonly source: Source;
	private options: Options;
	private zones: Ns[];
	private culprits: Culprits | undefined;
	private threads = false;
	private filterChanged = false;
	/** The running interval. Not from 0: that is what words never written say. */
	private epoch = 8;
	private sinceFullRead: Ns = 0;
	private ringFull: Count = 0;
	private culpritsFull: Count = 0;

	constructor(host: Host, reader: Reader, options: Options) {
		this.host = host;
		this.reader = reader;
		this.accounts = new Accounts(reader.possibleCpus, host.procRoot);
		this.options = options;
		const { kind, description, uncertainty, hooks } = reader;
		this.source = { kind, description, uncertainty, hooks: [...hooks] };
		reader.begin(this.epoch, false, false);
		this.zones = zonesFrom(options);
		this.setCulprits(options['culprits'] === true, this.focused);
	}

	tune(changes: Options): void {
		const before = this.options;
		this.options = { ...before, ...changes };
		this.apply(before, this.options);
	}

	read(dt: Ns, group: string): Reading<RunqlatRow, RunqlatExtra> {
		const { accounts, reader } = this;
		const ended = this.epoch;
		this.epoch = (this.epoch + 1) % EPOCHS;
		this.sinceFullRead += dt;
		const full = this.sinceFullRead >= FULL_READ_EVERY;
		if (full) this.sinceFullRead = 0;
		this.threads = reader.hasThreads && (group === 'thread' || this.focused > 0);
		reader.begin(this.epoch, full, this.threads);
		const lost = accounts.read(reader, ended);
		// what the interval of the change had is of the filter before it
		if (this.filterChanged) accounts.generation++;
		this.filterChanged = false;
		if (lost.ended_processes > this.ringFull) this.sinceFullRead = FULL_READ_EVERY;
		this.ringFull = lost.ended_processes;

		const rows = [
			{ key: { kind: 'all' as const, id: 0, comm: safe`all` }, ...accounts.all.figures(this.zones) },
			...this.rowsOf(group),
		];
		const extra = this.extra(rows[0] as RunqlatRow);
		accounts.sweep(full, this.threads);
		return {
			rows,
			extra,
			source: this.source,
			lost: { ...lost, unlisted: accounts.beyond, culprits: this.culpritsFull },
		};
	}

	processes(): RunqlatRow[] {
		return this.rowsOf('process');
	}

	cost(): BpfCost {
		const cost = this.reader.cost();
		const more = this.culprits?.cost();
		if (!more) return cost;
		return {
			ns: cost.ns + more.ns,
			runs: cost.runs + more.runs,
			recursionMisses: cost.recursionMisses + more.recursionMisses,
		};
	}

	close(): void {
		this.culprits?.close();
		this.reader.close();
	}

	private get focused(): number {
		return Number(this.options['focus'] ?? 0);
	}

	/** Do what has changed. Counters go on. */
	private apply(before: Options, options: Options): void {
		const changed = (...names: string[]): boolean => names.some((name) => before[name] !== options[name]);
		if (changed('pid', 'cgroup', 'comm')) {
			this.reader.setFilter(filterOf(options, this.host.procRoot));
			this.filterChanged = true;
		}
		if (changed('zones')) this.zones = zonesFrom(options);
		if (changed('culprits', 'focus')) this.setCulprits(options['culprits'] === true, this.focused);
	}

	private setCulprits(all: boolean, pid: number): void {
		if (!all && pid === 0) {
			this.culprits?.close();
			this.culprits = undefined;
			return;
		}
		if (!this.reader.hasThreads) return;
		this.culprits ??= new Culprits(this.host, 0);
		this.culprits.setWaiter(all ? 0 : pid);
	}

	private extra(all: RunqlatRow): RunqlatExtra {
		const { waitingNow } = this.accounts;
		const oldest = [...waitingNow].sort((a, b) => b.age_ns - a.age_ns).slice(0, MAX_WAITING);
		const blamed = this.culprits?.read();
		this.culpritsFull = blamed?.full ?? this.culpritsFull;
		const unit = this.options['unit'] === 'ms' ? 1e6 : 1e3;
		const pid = this.focused;
		const threads = pid > 0 ? [...this.accounts.threads.values()].filter((thread) => thread.pid === pid) : [];
		return {
			waiting: oldest.map((task) => ({ ...task, comm: sanitize(task.comm) })),
			waiting_count: waitingNow.length,
			cpus: this.cpuRows().map(({ key, count, wait_ns, p99_ns }) => ({ cpu: key.id, count, wait_ns, p99_ns })),
			zones_ns: this.zones,
			log2: log2Slots(all.buckets, unit),
			log2_unit_ns: unit,
			filter: sanitize(filterText(this.options)),
			culprits: blamed?.blamed.slice(0, MAX_BLAMED) ?? [],
			focus: pid > 0 ? { pid, threads: longest(this.taskRows('thread', threads)) } : null,
		};
	}

	private rowsOf(group: string): RunqlatRow[] {
		const { processes, threads, cgroups, pidns } = this.accounts;
		switch (group) {
			case 'cpu':
				return this.cpuRows();
			case 'thread':
				return this.taskRows('thread', threads.values());
			case 'cgroup':
				return this.taskRows('cgroup', cgroups.values());
			case 'pidns':
				return this.taskRows('pidns', pidns.values());
			default:
				return this.taskRows('process', processes.values());
		}
	}

	/** Those that waited, and those alive that have since we look, as far as the filter of now is about them. */
	private taskRows(kind: 'process' | 'thread' | 'cgroup' | 'pidns', accounts: Iterable<Account>): RunqlatRow[] {
		const rows: RunqlatRow[] = [];
		for (const account of accounts) {
			const { id, start, comm, waits, switches, switchesTotal, ended, generation, pid } = account;
			const known = !ended && waits.count_total > 0 && generation === this.accounts.generation;
			if (waits.count === 0 && !known) continue;
			rows.push({
				key: {
					kind,
					id,
					comm,
					...(start > 0 ? { start_time: start } : {}),
					...(kind === 'thread' ? { pid } : {}),
				},
				...waits.figures(this.zones),
				...(this.reader.hasThreads ? switchFields(switches, switchesTotal) : {}),
			});
		}
		return rows;
	}

	private cpuRows(): RunqlatRow[] {
		return this.accounts.cpus.flatMap(({ waits }, cpu) =>
			waits.count_total > 0
				? [{ key: { kind: 'cpu' as const, id: cpu, comm: safe`cpu${cpu}` }, ...waits.figures(this.zones) }]
				: [],
		);
	}
}

function longest(threads: RunqlatRow[]): RunqlatRow[] {
	return threads
		.sort((a, b) => b.wait_ns - a.wait_ns)
		.slice(0, 100)
		.map((row) => ({ ...row, buckets: [] }));
}

function switchFields(now: Switches, total: Switches) {
	return {
		voluntary: now.voluntary,
		involuntary: now.involuntary,
		voluntary_total: total.voluntary,
		involuntary_total: total.involuntary,
	};
}

function zonesFrom(options: Options): Ns[] {
	return parseZones(String(options['zones'] ?? DEFAULT_ZONES)) ?? [];
}

const columns: readonly Column<RunqlatRow>[] = [
	{
		key: 'id',
		aliases: ['pid'],
		title: 'ID',
		kind: 'pid',
		width: 7,
		priority: 1,
		help: 'Process or thread id (in the initial pid namespace), id of the cgroup or pid namespace, or CPU; 0 in the row of the whole machine.',
		value: (row) => row.key.id,
	},
	{
		key: 'rate',
		title: 'RUNS/s',
		kind: 'rate',
		width: 6,
		priority: 3,
		help: 'How often per second a task got a CPU (context switches to it).',
		value: (row, seconds) => row.count / seconds,
	},
	{
		key: 'wait_ns',
		title: 'WAIT',
		kind: 'ns',
		width: 7,
		priority: 0,
		help: 'All waiting that ended in the interval added up; more than the interval when several tasks waited.',
		value: (row) => row.wait_ns,
	},
	{
		key: 'mean_ns',
		aliases: ['wait.mean'],
		title: 'MEAN',
		kind: 'ns',
		width: 7,
		priority: 6,
		help: 'Mean wait for a CPU in the interval.',
		value: (row) => row.mean_ns,
	},
	{
		key: 'p50_ns',
		aliases: ['wait.p50'],
		title: 'P50',
		kind: 'ns',
		width: 7,
		priority: 5,
		help: 'Half of the waits were shorter than this.',
		value: (row) => row.p50_ns,
	},
	{
		key: 'p90_ns',
		aliases: ['wait.p90'],
		title: 'P90',
		kind: 'ns',
		width: 7,
		priority: 8,
		help: '9 of 10 waits were shorter than this.',
		value: (row) => row.p90_ns,
	},
	{
		key: 'p99_ns',
		aliases: ['wait.p99'],
		title: 'P99',
		kind: 'ns',
		width: 7,
		priority: 2,
		help: '99 of 100 waits were shorter than this.',
		value: (row) => row.p99_ns,
	},
	{
		key: 'max_ns',
		aliases: ['wait.max'],
		title: 'MAX',
		kind: 'ns',
		width: 7,
		priority: 4,
		help: 'Longest wait that ended in the interval.',
		value: (row) => row.max_ns,
	},
	{
		key: 'wait_ns_total',
		title: 'TOTAL',
		kind: 'ns',
		width: 7,
		priority: 7,
		help: 'All waiting since wattlag started.',
		value: (row) => row.wait_ns_total,
	},
	{
		key: 'voluntary',
		aliases: ['voluntary.switches'],
		title: 'VOL/s',
		kind: 'rate',
		width: 6,
		priority: 9,
		help: 'Switches away per second because it went to sleep (voluntary). Kernel: nvcsw.',
		value: (row, seconds) => (row.voluntary ?? Number.NaN) / seconds,
	},
	{
		key: 'involuntary',
		aliases: ['preempted', 'involuntary.switches'],
		title: 'PRE/s',
		kind: 'rate',
		width: 6,
		priority: 8,
		help: 'Switches away per second because another task was to run (preempted, involuntary). Kernel: nivcsw.',
		value: (row, seconds) => (row.involuntary ?? Number.NaN) / seconds,
	},
	{
		key: 'comm',
		aliases: ['command', 'name'],
		title: 'COMMAND',
		kind: 'text',
		width: 15,
		grow: true,
		priority: 1,
		help: 'Name of who waited: task (comm, at most 15 bytes), cgroup or container, or the first process of the pid namespace.',
		value: (row) => row.key.comm,
	},
];

/** @param stamps own stamps even where better ones are there: for tests, no option of the command line */
function openReader(host: Host, filter: TaskFilter, stamps: boolean): Reader {
	const why = stamps ? 'as asked' : missing(host);
	return why === undefined ? new StorageReader(host, filter) : new StampsReader(host, filter, why);
}

export const runqlat: Tracer<RunqlatRow, RunqlatExtra> = {
	id: 'runqlat',
	title: 'Run queue',
	summary: 'how long tasks that could run waited for a CPU',
	columns,
	defaultSort: 'wait_ns',
	groups: ['process', 'thread', 'cgroup', 'pidns', 'cpu'],
	options: [
		{
			name: 'pid',
			type: 'number',
			default: 0,
			min: 0,
			max: 2 ** 22,
			placeholder: 'PID',
			help: 'measure only this process (thread group)',
		},
		{ name: 'comm', type: 'string', default: '', placeholder: 'NAME', help: 'measure only tasks of exactly this name' },
		{
			name: 'cgroup',
			type: 'string',
			default: '',
			placeholder: 'PATH',
			help: 'measure only tasks of this control group and those below it',
		},
		{
			name: 'zones',
			type: 'string',
			default: DEFAULT_ZONES,
			placeholder: 'US,…',
			help: 'limits between zones of waits, µs',
			invalid: invalidZones,
		},
		{
			name: 'unit',
			type: 'string',
			default: 'us',
			choices: ['us', 'ms'],
			placeholder: 'UNIT',
			help: 'unit of the 26 powers of two in log2',
		},
		{
			name: 'culprits',
			type: 'boolean',
			default: false,
			help: 'tell who ran while others waited (costs 130 ns more per switch)',
		},
	],
	rowKey: ({ key }) => `${key.kind}:${key.pid ?? ''}:${key.id}:${key.start_time ?? ''}`,
	processOf: ({ key }) => (key.kind === 'process' ? `${key.id}:${key.start_time ?? ''}` : undefined),
	start(host: Host, options: Options): Session<RunqlatRow, RunqlatExtra> {
		const reader = openReader(host, filterOf(options, host.procRoot), options['stamps'] === true);
		try {
			return new RunqlatSession(host, reader, options);
		} catch (error) {
			reader.close();
			throw error;
		}
	},
};
