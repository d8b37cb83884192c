/** What grouping needs to know of processes and their figures do not tell, from `/proc`; read once for each process. */
import { readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { Users } from '../energy/users.ts';
import { type ProcessId, sameStart, TICK } from '../process-id.ts';
import { type SafeText, safe } from '../sanitize.ts';

/** Remembered of the dead, so that the last figures of a process find their place. */
const MOST = 40_000;

interface Facts {
	parent: number;
	/** Inode of its pid namespace; 0: not known. */
	pidns: number;
	/** Effective; -1: not known. */
	uid: number;
}

const unknown: Facts = { parent: 0, pidns: 0, uid: -1 };

export interface ProcessFacts {
	/** A new interval: what is known of processes by their pid alone may be another's by now. */
	begin(): void;
	/** pid of the parent; 0: none or not known. `fresh`: now, since a parent that died is replaced by another. */
	parent(process: ProcessId, fresh?: boolean): number;
	/** 0: not known. */
	pidns(process: ProcessId): number;
	/** `(ended)`: it had before it could be asked. */
	user(process: ProcessId): { uid: number; name: SafeText };
}

export class ProcFacts implements ProcessFacts {
	private readonly procRoot: string;
	private readonly known = new Map<string, Facts>();
	/** Keys without a start. */
	private readonly passing = new Set<string>();
	private users: Users | undefined;

	constructor(procRoot: string) {
		this.procRoot = procRoot;
	}

	begin(): void {
		for (const key of this.passing) this.known.delete(key);
		this.passing.clear();
	}

	parent(process: ProcessId, fresh = false): number {
		return this.facts(process, fresh).parent;
	}

	pidns(process: ProcessId): number {
		return this.facts(process).pidns;
	}

	user(process: ProcessId): { uid: number; name: SafeText } {
		const { uid } = this.facts(process);
		this.users ??= new Users();
		return { uid, name: uid < 0 ? safe`(ended)` : this.users.name(uid) };
	}

	private facts(process: ProcessId, fresh = false): Facts {
		const key = `${process.pid}:${process.start}`;
		const known = this.known.get(key);
		if (known && !fresh) return known;
		const facts = this.read(process) ?? known ?? unknown;
		if (this.known.size >= MOST) this.known.delete(this.known.keys().next().value as string);
		this.known.set(key, facts);
		if (process.start === 0) this.passing.add(key);
		return facts;
	}

	/** undefined: it has gone. */
	private read({ pid, start }: ProcessId): Facts | undefined {
		const folder = join(this.procRoot, String(pid));
		try {
			const status = readFileSync(join(folder, 'status'), 'latin1');
			const stat = readFileSync(join(folder, 'stat'), 'latin1');
			const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
			if (!sameStart(Number(fields[19]) * TICK, start)) return undefined;
			const uid = /^Uid:\t\d+\t(\d+)/m.exec(status)?.[1];
			return { parent: Number(fields[1]), pidns: namespaceOf(folder), uid: uid === undefined ? -1 : Number(uid) };
		} catch {
			return undefined;
		}
	}
}

function namespaceOf(folder: string): number {
	try {
		return Number(/\d+/.exec(readlinkSync(join(folder, 'ns/pid')))?.[0] ?? 0);
	} catch {
		return 0;
	}
}
