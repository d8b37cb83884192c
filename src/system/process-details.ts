/** Current details of one process from `/proc`, read asynchronously. */
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { kernelBootNs } from '../lib/clock.ts';
import { type SafeText, sanitize } from '../lib/sanitize.ts';
import type { Count, Ns } from '../lib/units.ts';
import { COMMAND_BYTES, commandText } from './command-lines.ts';
import { FOREIGN_PIDS, hasMachinePids } from './pid-namespace.ts';
import { type ProcessId, sameStart, startOf, statFields } from './process-id.ts';
import { Users } from './users.ts';
import { groupPath } from './v1-groups.ts';

export interface ProcessDetails {
	/** Arguments separated by spaces, secrets masked, at most {@link COMMAND_BYTES}; for kernel threads the name in brackets. */
	command: SafeText;
	user: SafeText;
	cgroup: SafeText;
	/** As the kernel names it: `sleeping`, `running`, … */
	state: SafeText;
	threads: Count;
	/** Wall clock, ms since 1970. */
	started: number;
	/** The nearest first: the parent, its parent, … */
	parents: { pid: number; comm: SafeText }[];
}

/** Most ancestors. */
const PARENTS = 16;

interface Stat {
	comm: SafeText;
	parent: number;
	start: Ns;
}

/** `/proc/PID/stat`: the name is in brackets and may contain any bytes, brackets too. */
async function readStat(procRoot: string, pid: number): Promise<Stat> {
	const bytes = await readFile(join(procRoot, String(pid), 'stat'));
	const fields = statFields(bytes.toString('latin1'));
	return {
		comm: sanitize(bytes.subarray(bytes.indexOf('(') + 1, bytes.lastIndexOf(')'))),
		parent: Number(fields[1]),
		start: startOf(fields),
	};
}

async function readCommand(procRoot: string, pid: number, comm: SafeText): Promise<SafeText> {
	const file = await open(join(procRoot, String(pid), 'cmdline'));
	try {
		const { buffer, bytesRead } = await file.read(Buffer.alloc(COMMAND_BYTES));
		return commandText(buffer.subarray(0, bytesRead), comm);
	} finally {
		await file.close();
	}
}

async function readParents(procRoot: string, first: number): Promise<ProcessDetails['parents']> {
	const parents: ProcessDetails['parents'] = [];
	for (let pid = first; pid > 0 && parents.length < PARENTS; ) {
		const stat = await readStat(procRoot, pid).catch(() => undefined);
		if (!stat) break;
		parents.push({ pid, comm: stat.comm });
		pid = stat.parent;
	}
	return parents;
}

/** No such process, where `/proc` would know it. */
function none(procRoot: string): null {
	if (hasMachinePids(procRoot)) return null;
	throw new Error(FOREIGN_PIDS);
}

let users: Users | undefined;

/** null: no such process (any more). Rejects where `/proc` refuses for another reason, or may have other pids. */
export async function readProcess(procRoot: string, { pid, start }: ProcessId): Promise<ProcessDetails | null> {
	const text = (name: string) => readFile(join(procRoot, String(pid), name));
	try {
		const stat = await readStat(procRoot, pid);
		if (!sameStart(stat.start, start)) return none(procRoot);
		const [command, status, cgroup, uptime, parents] = await Promise.all([
			readCommand(procRoot, pid, stat.comm),
			text('status'),
			text('cgroup'),
			readFile(join(procRoot, 'uptime'), 'latin1'),
			readParents(procRoot, stat.parent),
		]);
		// all of it is about this process only if that still exists
		if ((await readStat(procRoot, pid)).start !== stat.start) return null;
		const field = (name: string) => new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status.toString('latin1'))?.[1] ?? '';
		users ??= new Users();
		return {
			command,
			user: users.name(Number(field('Uid').split('\t')[1] ?? -1)),
			cgroup: groupPath(cgroup.toString('latin1')),
			state: sanitize(/\((.+)\)/.exec(field('State'))?.[1] ?? field('State')),
			threads: Number(field('Threads')),
			started: Date.now() - (kernelBootNs(Number.parseFloat(uptime) * 1e9) - stat.start) / 1e6,
			parents,
		};
	} catch (error) {
		const { code } = error as NodeJS.ErrnoException;
		if (code === 'ENOENT' || code === 'ESRCH') return none(procRoot);
		throw error;
	}
}
