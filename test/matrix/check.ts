/** What a check of the matrix is, and what it gets to work with in the guest. One file each in checks/. */
import type { Host, Options, Reading, Tracer } from '../../src/core/tracer.ts';
import type { Machine } from './machines.ts';

/** A check that does not pass today. */
export interface Expected {
	/** `fails`: passing is an error, so that the mark goes with the fault; `varies`: it may do either. */
	outcome: 'fails' | 'varies';
	/** One sentence. */
	reason: string;
	/** Default: on every machine that the check runs on. */
	on?(machine: Machine): boolean;
}

export interface Check {
	/** What holds when it passes: one sentence. */
	shows: string;
	on(machine: Machine): boolean;
	/** Part of `--short`. */
	short?: true;
	/** Runs behind those without, which it judges. */
	last?: true;
	/** Modules loaded before it, with their parameters: `null_blk nr_devices=8`. */
	modules?: readonly string[];
	expected?: Expected;
	/** The guest counts as hung after so long, s; default 150. */
	limit?: number;
	/** Throws what did not hold. Counts are compared, never times: the guest is emulated. */
	run(guest: Guest): Promise<void>;
}

/** A tracer that runs in the check's own process; closed at the end of the check. */
export interface Measuring<Row extends object, Extra extends object> {
	/** What happened since the last read. `group`: default is the tracer's first one. */
	read(group?: string): Reading<Row, Extra>;
	/** Runs that the kernel skipped because a program was running already on that CPU. */
	skipped(): number;
	tune(changes: Options): void;
	/** Before the end of the check. */
	close(): void;
}

/** A command in the background. */
export interface Background {
	pid: number;
	/** Resolves with its exit code, 128 + the number where a signal ended it. */
	ended: Promise<number>;
	/** Resolves with the first whole line of standard output; rejects where it ends before. */
	firstLine: Promise<string>;
	/** Standard output so far. */
	output(): string;
	/** It and what it has started. */
	kill(signal?: NodeJS.Signals): void;
}

export interface Guest {
	machine: Machine;
	/** The scratch disk, 1 GiB, which nothing else uses. */
	disk: string;
	/** An empty folder in memory, of this check alone. */
	folder: string;
	host: Host;
	/** Run to the end. Resolves with standard output; throws with standard error when the exit code is not 0. */
	run(command: string, ...args: (string | number)[]): Promise<string>;
	/** The same of a shell script. */
	shell(script: string): Promise<string>;
	/** Ended at the end of the check if not before. */
	start(command: string, ...args: (string | number)[]): Background;
	/** The built program, run to the end as {@link run} does. */
	wattlag(...args: string[]): Promise<string>;
	/** The command line of the built program, for {@link start}. */
	program: readonly [command: string, ...args: string[]];
	/** Path of a program compiled from guest/x.c. */
	helper(name: string): string;
	measure<Row extends object, Extra extends object>(
		tracer: Tracer<Row, Extra>,
		options?: Options,
		group?: string,
	): Measuring<Row, Extra>;
	/** Ask the host to let this guest stand still, its clock going on, or to give QEMU's monitor a command. */
	onHost(wish: { stop_s: number } | { monitor: string }): void;
	/** Done at the end of the check, the last one first. */
	atEnd(cleanUp: () => unknown): void;
	/** Added to the check's line in the report, whether it passes or not. */
	note(text: string): void;
	seconds(s: number): Promise<void>;
}
