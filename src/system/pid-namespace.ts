/**
 * BPF programs number processes as the machine does, `/proc` as the pid namespace that it was mounted in: in a container
 * with pids of its own, the two are not of the same processes.
 */
import { readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { safe } from '../lib/sanitize.ts';
import type { Ns } from '../lib/units.ts';
import { type ProcessId, sameStart, startOf, statFields } from './process-id.ts';

/** The kernel's first pid namespace has this inode number on every machine. */
const INITIAL = 'pid:[4026531836]';

/** Why a fact of `/proc` is missing. */
export const FOREIGN_PIDS = safe`this container has pids of its own: its /proc does not know this process, which has its pid on the machine`;

/** Are the pids of `/proc` those of the machine? A tree that does not say (a fixture) is taken for one that is. */
export function hasMachinePids(procRoot: string): boolean {
	try {
		return readlinkSync(join(procRoot, 'self/ns/pid')) === INITIAL;
	} catch {
		return true;
	}
}

/** This program, as BPF programs number it. */
export class OwnProcess {
	private readonly start: Ns | undefined;

	constructor(procRoot: string) {
		if (hasMachinePids(procRoot)) return;
		this.start = startOf(statFields(readFileSync(join(procRoot, 'self/stat'), 'latin1')));
	}

	/** In a container it is told by its name and by when it started; 0: not among these. */
	pid(rows: readonly { pid: ProcessId['pid']; start_time: Ns; comm: string }[]): number {
		const { start } = this;
		if (start === undefined) return process.pid;
		return rows.find(({ comm, start_time }) => comm === process.title && sameStart(start_time, start))?.pid ?? 0;
	}
}
