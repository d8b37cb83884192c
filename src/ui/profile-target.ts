/** What the key of profiles acts on: from a row of any tab to options of the profile's tracer. */
import type { Options } from '../core/tracer.ts';
import { processId } from '../system/process-id.ts';

/** Id of the tracer. */
export const PROFILE = 'profile';

/** Everything, which also ends an earlier choice. */
export const WHOLE_MACHINE = { pid: 0, tid: 0, comm: '', cgroup: '', cgroup_id: 0 } as const satisfies Options;

let begun = 0;

/** Differs each time: equal options would leave the profile running. */
export function nextBegin(): number {
	return ++begun;
}

/** Names of fields by which tabs identify what a row stands for. */
interface AnyRow {
	pid?: number;
	tid?: number;
	comm?: string;
	cgroup?: string;
	key?: { kind?: string; id?: number; comm?: string; tid?: number };
}

/** null: such rows cannot be profiled. @param process of the row, `pid:start` */
export function profileTarget(row: object, group: string, process: string | undefined): Options | null {
	const { comm, cgroup, key, pid, tid } = row as AnyRow;
	if (key?.kind === 'thread') {
		const pid = process === undefined ? 0 : processId(process).pid;
		return { ...WHOLE_MACHINE, pid, tid: key.id ?? 0 };
	}
	if (process === undefined && key === undefined && (pid ?? 0) > 0) return { ...WHOLE_MACHINE, pid: pid ?? 0 };
	if (process !== undefined)
		return { ...WHOLE_MACHINE, pid: processId(process).pid, tid: group === 'thread' ? (tid ?? 0) : 0 };
	// groups that only v1 has are below 0, and not known to the kernel's filter
	if (key?.kind === 'cgroup') return (key.id ?? 0) > 0 ? { ...WHOLE_MACHINE, cgroup_id: key.id ?? 0 } : null;
	if (group === 'cgroup' && cgroup?.startsWith('/')) return { ...WHOLE_MACHINE, cgroup };
	const command = key?.kind === 'command' ? key.comm : group === 'command' ? comm : undefined;
	if (command !== undefined && command !== '') return { ...WHOLE_MACHINE, comm: command };
	return null;
}
