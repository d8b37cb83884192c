/** Facts of processes that grouping needs beside their figures, from `/proc`. */
import { readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { readLatin1 } from '../../lib/read-file.ts';
import { type SafeText, safe } from '../../lib/sanitize.ts';
import { hasMachinePids } from '../../system/pid-namespace.ts';
import { type ProcessId, sameStart, startOf, statFields } from '../../system/process-id.ts';
import { Users } from '../../system/users.ts';
import { groupPath } from '../../system/v1-groups.ts';

/** What grouping asks of a process. */
export interface ProcessFacts {
	/** Begin an interval: facts that are known by the pid alone may be another process's by now. */
	begin(): void;
	/** pid of the parent; 0: none or not known. `fresh`: read it now, since a dead parent is replaced by another. */
	parent(process: ProcessId, fresh?: boolean): number;
	/** Inode of its pid namespace; 0: not known. */
	pidns(process: ProcessId): number;
	/** Path of its control group in the unified hierarchy, or that of a container in the others; empty: not known. */
	cgroup(process: ProcessId): SafeText;
	/** The effective user. -1: `(ended)` before it was read, or `?` where `/proc` may have other pids. */
	user(process: ProcessId): { uid: number; name: SafeText };
}

/** Processes kept, ended ones too, so that their last figures find their group. */
const MOST = 40_000;
/**
 * Most intervals between reads of a fact, which double each time: young processes may still change user (login, sudo) or
 * namespace, and processes are moved to other groups while they run.
 */
const LONGEST = 64;
/** Most reads in one interval; facts of further new processes are not known until the next. */
const READS = 2000;
/** So many processes of an interval have ended before their facts were read: from then on the list of living ones is asked. */
const MANY_ENDED = 50;

interface Facts {
	parent: number;
	pidns: number;
	uid: number;
	cgroup: SafeText;
}

type Fact = keyof Facts;

interface Known<Value> {
	value: Value | undefined;
	/** Interval of the next read, and its distance from the last one. */
	due: number;
	after: number;
}

type KnownFacts = { [Name in Fact]?: Known<Facts[Name]> };

/** Sources of the facts; undefined: not there. */
const readers: { [Name in Fact]: (folder: string) => Facts[Name] | undefined } = {
	parent: (folder) => numberIn(statFields(readLatin1(join(folder, 'stat')))[1]),
	pidns: (folder) => numberIn(/\d+/.exec(readlinkSync(join(folder, 'ns/pid')))?.[0]),
	uid: (folder) => numberIn(/^Uid:\t\d+\t(\d+)/m.exec(readLatin1(join(folder, 'status')))?.[1]),
	cgroup: (folder) => groupPath(readLatin1(join(folder, 'cgroup'))),
};

function numberIn(text: string | undefined): number | undefined {
	return text === undefined ? undefined : Number(text);
}

/** From `/proc`: at most 2,000 reads in an interval, 40,000 processes kept. */
export class ProcFacts implements ProcessFacts {
	private readonly procRoot: string;
	private readonly most: number;
	private readonly machinePids: boolean;
	private readonly known = new Map<string, KnownFacts>();
	/** Keys without a start, valid for one interval. */
	private readonly passing = new Set<string>();
	private reads = 0;
	/** Reads of this interval that found no process. */
	private failed = 0;
	/** pids in `/proc` in this interval; undefined: not listed. */
	private living: ReadonlySet<string> | undefined;
	private interval = 0;
	private users: Users | undefined;

	/** @param most reads in one interval */
	constructor(procRoot: string, most = READS) {
		this.procRoot = procRoot;
		this.most = most;
		this.machinePids = hasMachinePids(procRoot);
	}

	begin(): void {
		this.reads = 0;
		this.failed = 0;
		this.living = undefined;
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

	cgroup(process: ProcessId): SafeText {
		return this.fact('cgroup', process) ?? safe``;
	}

	private fact<Name extends Fact>(name: Name, process: ProcessId, fresh = false): Facts[Name] | undefined {
		const key = `${process.pid}:${process.start}`;
		const facts = this.known.get(key);
		const known: Known<Facts[Name]> | undefined = facts?.[name];
		if (known && this.interval < known.due && !fresh) return known.value;
		if (this.reads >= this.most || this.hasEnded(process.pid)) return known?.value;
		this.reads++;
		const after = known ? Math.min(LONGEST, known.after * 2) : 1;
		// the facts of ended processes stay
		const value = this.read(name, process) ?? known?.value;
		if (!facts && this.known.size >= MOST) this.known.delete(this.known.keys().next().value as string);
		this.known.set(key, { ...facts, [name]: { value, due: this.interval + after, after } });
		if (process.start === 0) this.passing.add(key);
		return value;
	}

	private read<Name extends Fact>(name: Name, { pid, start }: ProcessId): Facts[Name] | undefined {
		const folder = join(this.procRoot, String(pid));
		try {
			const value = readers[name](folder);
			// read last: what was read before is of this process, too
			return sameStart(startOf(statFields(readLatin1(join(folder, 'stat')))), start) ? value : undefined;
		} catch {
			this.failed++;
			return undefined;
		}
	}

	/** Without this, thousands of ended processes would use up the reads of an interval, and no living one had a user. */
	private hasEnded(pid: number): boolean {
		if (this.failed < MANY_ENDED) return false;
		this.living ??= new Set(readdirSync(this.procRoot));
		return !this.living.has(String(pid));
	}
}
