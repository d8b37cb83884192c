/**
 * Run-queue latency: how long tasks that could run had to wait for a CPU, for the whole machine and per process, from
 * the scheduler's own stamps (bpf/runqlat.bpf.c). The kernel's figures count up for ever; intervals are differences.
 */
import { columns } from '../runqueue/columns.ts';
import type { Blamed } from '../runqueue/culprits.ts';
import { filterOf } from '../runqueue/filter.ts';
import type { Reader, TaskFilter } from '../runqueue/reader.ts';
import { RunqlatSession } from '../runqueue/session.ts';
import { StampsReader } from '../runqueue/stamps-reader.ts';
import { missing, StorageReader } from '../runqueue/storage-reader.ts';
import type { WaitFigures } from '../runqueue/waits.ts';
import { DEFAULT_ZONES, invalidZones } from '../runqueue/zones.ts';
import type { SafeText } from '../sanitize.ts';
import type { Count, Ns } from '../units.ts';
import type { Host, Options, Session, Tracer } from './tracer.ts';

export interface RunqlatKey {
	kind: 'all' | 'process' | 'thread' | 'cgroup' | 'pidns' | 'cpu';
	/** pid, tid, cgroup id, namespace inode, CPU; 0 for `all`, and for the processes or threads without a row of their own. */
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
	/** Why the last change of the filter was refused: the one before it stays. Empty: it was not. */
	refused: SafeText;
	/** Who ran while others waited; empty unless asked for. The 64 processes that waited longest. */
	culprits: Blamed[];
	focus: Focus | null;
}

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
	processOf: ({ key }) => (key.kind === 'process' && key.id > 0 ? `${key.id}:${key.start_time ?? ''}` : undefined),
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
