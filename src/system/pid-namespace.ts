/**
 * BPF programs see pids of the machine, `/proc` those of the pid namespace in which it was mounted. In a container with
 * its own pid namespace the same number means different processes.
 */
import { readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { safe } from '../lib/sanitize.ts';
import type { Ns } from '../lib/units.ts';
import { type ProcessId, sameStart, startOf, statFields } from './process-id.ts';

/** The kernel's first pid namespace has this inode number on every machine. */
const INITIAL = 'pid:[4026531836]';

/** The reason for a missing fact of `/proc`. */
export const FOREIGN_PIDS = safe`this container has its own pids: its /proc does not list this process, whose pid is the machine's`;

/** Are the pids of `/proc` those of the machine? True for a tree without that information (a fixture). */
export function hasMachinePids(procRoot: string): boolean {
	try {
		return readlinkSync(join(procRoot, 'self/ns/pid')) === INITIAL;
	} catch {
		return true;
	}
}

/** Number of a process or thread in its pid namespaces, outermost first, from the text of its `status`; empty: not known. */
export function pidsOf(status: string): number[] {
	const [, pids = ''] = /^NSpid:[^\S\n]*(.*)$/m.exec(status) ?? [];
	return pids.split(/\s+/).filter(Boolean).map(Number);
}

/** The pid of this program on the machine. */
export class OwnProcess {
	private readonly start: Ns | undefined;

	constructor(procRoot: string) {
		if (hasMachinePids(procRoot)) return;
		this.start = startOf(statFields(readFileSync(join(procRoot, 'self/stat'), 'utf8')));
	}

	/** In a container it is found by its name and start; 0: not among these rows. */
	pid(rows: readonly { pid: ProcessId['pid']; start_time: Ns; comm: string }[]): number {
		const { start } = this;
		if (start === undefined) return process.pid;
		return rows.find(({ comm, start_time }) => comm === process.title && sameStart(start_time, start))?.pid ?? 0;
	}
}
