/** What a command and its descendants used: from the kernel's counters by BPF, or those of waited-for children in /proc. */
import { readFileSync } from 'node:fs';
import type { BpfSession } from '../../bpf/bpf-session.ts';
import { openBpf } from '../../bpf/load.ts';
import { displacedSleepers, waitedOptions } from '../../bpf/run-delay.ts';
import type { Host } from '../../core/tracer.ts';
import { maps, process_begins, task_sums } from '../../generated/measure.ts';
import { viewOf } from '../../lib/decode.ts';
import type { Bytes, Count, Ns } from '../../lib/units.ts';
import { statFields } from '../../system/process-id.ts';
import { clockTicksPerSecond, ticksToNs } from '../../tracers/energy/proc/stat.ts';

/** Sums over all tasks of the tree so far; null: not counted here. */
export interface TreeUse {
	cpu_ns: Ns;
	/** In run queues. */
	wait_ns: Ns | null;
	waits: Count | null;
	switches_voluntary: Count | null;
	switches_involuntary: Count | null;
	read_bytes: Bytes | null;
	write_bytes: Bytes | null;
	read_calls: Count | null;
	write_calls: Count | null;
	minor_faults: Count | null;
	major_faults: Count | null;
	processes: Count | null;
	threads: Count | null;
	/** Tasks that have neither ended nor are alive: exiting, or lost. */
	missing: Count;
	/** Tasks that have ended, with the figures of their exit: their last ones, microseconds more, are still to come. */
	unfinished: Count;
	/** Tasks alive. */
	alive: Count;
}

export interface ProcessTree {
	/** Where the figures come from, and what that costs. */
	readonly description: string;
	readonly uncertainty: string;
	readonly missing: readonly string[];
	/** Is every process of the tree known by pid and start? */
	readonly names: boolean;
	/** The next process that this program starts is the command. */
	arm(): void;
	read(): TreeUse;
	/** Is a process, by pid and start (ns since boot), one of this run? */
	has(pid: number, start: Ns): boolean;
	/** Wall time from the fork of the command to its exit; undefined: not known here. */
	wall(): Ns | undefined;
	/** Since the last `arm`, by cause. */
	lost(): Record<string, Count>;
	close(): void;
}

const FIRST = new Uint8Array(4);

type Sums = ReturnType<typeof task_sums.read>;

const FIGURES = [
	'cpu_ns',
	'wait_ns',
	'waits',
	'voluntary',
	'involuntary',
	'read_bytes',
	'write_bytes',
	'read_calls',
	'write_calls',
	'minor_faults',
	'major_faults',
	'threads',
] as const satisfies readonly (keyof Sums)[];

function addUp(all: readonly Sums[]): Sums {
	return Object.fromEntries(
		FIGURES.map((key) => [key, all.reduce((sum, one) => sum + one[key], 0)]),
	) as unknown as Sums;
}

/** The kernel's counters of every task of the tree, short-lived ones included. */
export class BpfTree implements ProcessTree {
	readonly description = 'kernel counters of every task, read when it ends';
	readonly uncertainty = 'CPU time exact';
	readonly missing: readonly string[];
	readonly names = true;
	private readonly bpf: BpfSession;
	private run = 0;
	/** Sums and course at the last `arm`. */
	private before: Sums & { complete: Count };
	private course: ReturnType<typeof maps.course.value.read>;
	private displaced: Count = 0;
	private readonly processes = new Set<string>();

	/** @throws {Unavailable} */
	constructor(host: Host) {
		this.bpf = openBpf(host, 'measure', {
			...waitedOptions(host),
			shards: [maps.ended_tasks.name, maps.request.name, maps.course.name],
		});
		this.missing = this.bpf.missing;
		// tells the programs the pid of the reader
		this.bpf.iterate('read_living');
		this.before = this.ended();
		this.course = this.now();
	}

	arm(): void {
		this.drain();
		this.processes.clear();
		this.run++;
		const request = new Uint8Array(maps.request.value.size);
		viewOf(request).setUint32(0, this.run, true);
		viewOf(request).setUint32(4, 1, true);
		this.before = this.ended();
		this.course = this.now();
		this.displaced = displacedSleepers(this.bpf);
		this.bpf.object.update(maps.request.name, FIRST, request);
	}

	read(): TreeUse {
		this.drain();
		// ended ones last: one that ends in between is then in both or in `ended` only, and the next read has it once
		const living = task_sums.read(this.bpf.iterate('read_living'), 0);
		const { complete, ...ended } = this.ended();
		const sums = addUp([ended, living]);
		const { threads, processes } = this.now();
		const began = threads - this.course.threads;
		const figure = (key: keyof Sums): number => sums[key] - this.before[key];
		return {
			cpu_ns: figure('cpu_ns'),
			wait_ns: figure('wait_ns'),
			waits: figure('waits'),
			switches_voluntary: figure('voluntary'),
			switches_involuntary: figure('involuntary'),
			read_bytes: figure('read_bytes'),
			write_bytes: figure('write_bytes'),
			read_calls: figure('read_calls'),
			write_calls: figure('write_calls'),
			minor_faults: figure('minor_faults'),
			major_faults: figure('major_faults'),
			processes: processes - this.course.processes,
			threads: began,
			missing: began - this.lost().untracked_tasks - figure('threads'),
			unfinished: ended.threads - this.before.threads - (complete - this.before.complete),
			alive: living.threads,
		};
	}

	has(pid: number, start: Ns): boolean {
		return this.processes.has(`${pid}:${start}`);
	}

	wall(): Ns | undefined {
		const { begun_ns, ended_ns } = this.now();
		return ended_ns > begun_ns ? ended_ns - begun_ns : undefined;
	}

	lost() {
		const { untracked, unnamed } = this.now();
		return {
			untracked_tasks: untracked - this.course.untracked,
			unnamed_processes: unnamed - this.course.unnamed,
			displaced_sleepers: displacedSleepers(this.bpf) - this.displaced,
		};
	}

	close(): void {
		this.bpf.close();
	}

	private drain(): void {
		this.bpf.drain(maps.processes.name, (view, at) => {
			const { start, tgid, run } = process_begins.read(view, at);
			if (run === this.run) this.processes.add(`${tgid}:${start}`);
		});
	}

	private ended(): Sums & { complete: Count } {
		const shards = this.bpf.shards(maps.ended_tasks);
		return {
			...addUp(shards.map(({ sums }) => sums)),
			complete: shards.reduce((sum, { complete }) => sum + complete, 0),
		};
	}

	private now(): ReturnType<typeof maps.course.value.read> {
		return this.bpf.shards(maps.course)[0] as ReturnType<typeof maps.course.value.read>;
	}
}

/** Fields of /proc/PID/stat, by their number in proc(5). */
const STAT = { minor: 11, major: 13, user: 16, system: 17 } as const;

/**
 * Without privilege: what the kernel adds to this process when it waits for a child. A descendant counts once its parent
 * has waited for it, hence nothing is known before the command ends.
 */
export class WaitedTree implements ProcessTree {
	readonly description: string;
	readonly uncertainty = 'CPU time ±1 clock tick for each process; descendants that no process waited for are missing';
	readonly missing: readonly string[];
	readonly names = false;
	private readonly procRoot: string;
	private before: TreeUse;

	/** @param why the figures of BPF are not available */
	constructor(procRoot: string, why: string) {
		this.procRoot = procRoot;
		this.description = `times of waited-for children from /proc, since ${why}`;
		this.missing = [`waits and context switches are not counted: ${why}`];
		this.before = this.sums();
	}

	arm(): void {
		this.before = this.sums();
	}

	read(): TreeUse {
		const now = this.sums();
		const gained = (key: keyof TreeUse): number | null => {
			const [after, before] = [now[key], this.before[key]];
			return after === null || before === null ? null : after - before;
		};
		return Object.fromEntries(Object.keys(now).map((key) => [key, gained(key as keyof TreeUse)])) as unknown as TreeUse;
	}

	has(): boolean {
		return false;
	}

	wall(): undefined {
		return undefined;
	}

	lost() {
		return {};
	}

	close(): void {}

	private sums(): TreeUse {
		const text = readFileSync(`${this.procRoot}/self/stat`, 'latin1');
		// numbered from 3 behind the name
		const fields = statFields(text);
		const field = (number: number): number => Number(fields[number - 3]);
		const ticks = field(STAT.user) + field(STAT.system);
		const io = this.io();
		return {
			cpu_ns: ticksToNs(ticks, clockTicksPerSecond()),
			wait_ns: null,
			waits: null,
			switches_voluntary: null,
			switches_involuntary: null,
			read_bytes: io('read_bytes'),
			write_bytes: io('write_bytes'),
			read_calls: null,
			write_calls: null,
			minor_faults: field(STAT.minor),
			major_faults: field(STAT.major),
			processes: null,
			threads: null,
			missing: 0,
			unfinished: 0,
			alive: 0,
		};
	}

	/** Of this process and its waited-for children; this process itself reads and writes next to nothing meanwhile. */
	private io(): (key: string) => Bytes | null {
		try {
			const text = readFileSync(`${this.procRoot}/self/io`, 'latin1');
			return (key) => {
				const value = new RegExp(`^${key}: (\\d{1,15})$`, 'm').exec(text)?.[1];
				return value === undefined ? null : Number(value);
			};
		} catch {
			return () => null;
		}
	}
}
