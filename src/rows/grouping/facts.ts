/** What grouping needs to know of processes and their figures do not tell, from `/proc`. */
import { readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { type SafeText, safe } from '../../lib/sanitize.ts';
import { hasMachinePids } from '../../system/pid-namespace.ts';
import { type ProcessId, sameStart, startOf, statFields } from '../../system/process-id.ts';
import { Users } from '../../system/users.ts';

export interface ProcessFacts {
	/** A new interval: what is known of processes by their pid alone may be another's by now. */
	begin(): void;
	/** pid of the parent; 0: none or not known. `fresh`: now, since a parent that died is replaced by another. */
	parent(process: ProcessId, fresh?: boolean): number;
	/** Inode of its pid namespace; 0: not known. */
	pidns(process: ProcessId): number;
	/** The effective one. -1: `(ended)` before it could be asked, or `?` where `/proc` may have other pids. */
	user(process: ProcessId): { uid: number; name: SafeText };
}

/** Remembered of the dead too, so that the last figures of a process find their place. */
const MOST = 40_000;
/**
 * Intervals until a fact is read again are twice as many each time, up to this: young processes are still changing user
 * (login, sudo) or namespace.
 */
const LONGEST = 64;
/** Read in one interval: with more new processes than that the others are not known until the next. */
const READS = 2000;

type Fact = 'parent' | 'pidns' | 'uid';

interface Known {
	value: number | undefined;
	/** Interval in which it is read again, and how many after the last reading that is. */
	due: number;
	after: number;
}

/** Where a fact is, beside the start that says whose it is; undefined: not there. */
const readers: Record<Fact, (folder: string, stat: readonly string[]) => number | undefined> = {
	parent: (_, stat) => Number(stat[1]),
	pidns: (folder) => numberIn(/\d+/.exec(readlinkSync(join(folder, 'ns/pid')))?.[0]),
	uid: (folder) => numberIn(/^Uid:\t\d+\t(\d+)/m.exec(readFileSync(join(folder, 'status'), 'latin1'))?.[1]),
};

function numberIn(text: string | undefined): number | undefined {
	return text === undefined ? undefined : Number(text);
}

export class ProcFacts implements ProcessFacts {
	private readonly procRoot: string;
	private readonly machinePids: boolean;
	private readonly known = new Map<string, Partial<Record<Fact, Known>>>();
	/** Keys without a start. */
	private readonly passing = new Set<string>();
	private reads = 0;
	private interval = 0;
	private users: Users | undefined;

	constructor(procRoot: string) {
		this.procRoot = procRoot;
		this.machinePids = hasMachinePids(procRoot);
	}

	begin(): void {
		this.reads = 0;
		this.interval++;
		for (const key of this.passing) this.known.delete(key);
		this.passing.clear();
	}

	parent(process: ProcessId, fresh = false): number {
		return this.fact('parent', process, fresh) ?? 0;
	}

	pidns(process: ProcessId): number {
		return this.fact('pidns', process) ?? 0;
	}

	user(process: ProcessId): { uid: number; name: SafeText } {
		const uid = this.fact('uid', process) ?? -1;
		this.users ??= new Users();
		return { uid, name: uid < 0 && this.machinePids ? safe`(ended)` : this.users.name(uid) };
	}

	private fact(name: Fact, process: ProcessId, fresh = false): number | undefined {
		const key = `${process.pid}:${process.start}`;
		const facts = this.known.get(key);
		const known = facts?.[name];
		if (known && this.interval < known.due && !fresh) return known.value;
		if (this.reads >= READS) return known?.value;
		this.reads++;
		const after = known ? Math.min(LONGEST, known.after * 2) : 1;
		// what was known of the dead stays
		const value = this.read(name, process) ?? known?.value;
		if (!facts && this.known.size >= MOST) this.known.delete(this.known.keys().next().value as string);
		this.known.set(key, { ...facts, [name]: { value, due: this.interval + after, after } });
		if (process.start === 0) this.passing.add(key);
		return value;
	}

	private read(name: Fact, { pid, start }: ProcessId): number | undefined {
		const folder = join(this.procRoot, String(pid));
		try {
			const stat = readFileSync(join(folder, 'stat'), 'latin1');
			const fields = statFields(stat);
			return sameStart(startOf(fields), start) ? readers[name](folder, fields) : undefined;
		} catch {
			return undefined;
		}
	}
}
