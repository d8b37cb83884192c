/** The one process that is profiled: whether it is still there. */
import { join } from 'node:path';
import { readLatin1 } from '../../lib/read-file.ts';
import { statFields } from '../../system/process-id.ts';

/** State and begin of a process; undefined: there is none. A process that has ended and waits for its parent is none. */
function beginOf(procRoot: string, pid: number): string | undefined {
	try {
		const fields = statFields(readLatin1(join(procRoot, String(pid), 'stat')));
		return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
	} catch {
		return undefined;
	}
}

export class TargetProcess {
	private readonly procRoot: string;
	private readonly pid: number | undefined;
	/** Another process may get its number. */
	private readonly begin: string | undefined;
	private gone = false;

	/** @param pid undefined: no single process */
	constructor(procRoot: string, pid: number | undefined) {
		this.procRoot = procRoot;
		this.pid = pid;
		this.begin = pid === undefined ? undefined : beginOf(procRoot, pid);
	}

	get ended(): boolean {
		if (this.pid === undefined || this.gone) return this.gone;
		const begin = beginOf(this.procRoot, this.pid);
		this.gone = begin === undefined || begin !== this.begin;
		return this.gone;
	}
}
