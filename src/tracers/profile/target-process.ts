/** The one process that is profiled: whether it is still there. */
import { join } from 'node:path';
import { readLatin1 } from '../../lib/read-file.ts';
import { hasMachinePids } from '../../system/pid-namespace.ts';
import { statFields } from '../../system/process-id.ts';

/** State and begin of a process; undefined: there is none. A process that has ended and waits for its parent is none. */
function beginOf(procRoot: string, pid: number): string | undefined {
	try {
		const fields = statFields(readLatin1(join(procRoot, String(pid), 'stat')));
		// its first thread may end before the others: the process goes on
		const ended = (fields[0] === 'Z' || fields[0] === 'X') && Number(fields[17]) <= 1;
		return ended ? undefined : fields[19];
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

	/** @param pid of the machine, which a `/proc` with other pids does not list: its end is not seen. undefined: no single process */
	constructor(procRoot: string, pid: number | undefined) {
		this.procRoot = procRoot;
		this.pid = hasMachinePids(procRoot) ? pid : undefined;
		this.begin = this.pid === undefined ? undefined : beginOf(procRoot, this.pid);
	}

	get ended(): boolean {
		if (this.pid === undefined || this.gone) return this.gone;
		const begin = beginOf(this.procRoot, this.pid);
		this.gone = begin === undefined || begin !== this.begin;
		return this.gone;
	}
}
