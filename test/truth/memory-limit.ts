/** Control groups with little memory. */
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeGroup } from './workload.ts';

export interface SmallGroup {
	/** Path in the unified hierarchy. */
	name: string;
	add(pid: number): void;
	/** When it has no process any more. */
	remove(): void;
}

/** Limit memory in a new control group, by whichever hierarchy the machine has. */
export function smallGroup(bytes: number): SmallGroup {
	const group = makeGroup();
	const old = join('/sys/fs/cgroup/memory', group.name);
	const byOld = existsSync('/sys/fs/cgroup/memory/memory.limit_in_bytes');
	if (byOld) mkdirSync(old);
	writeFileSync(byOld ? join(old, 'memory.limit_in_bytes') : join(group.folder, 'memory.max'), String(bytes));
	return {
		name: group.name,
		add(pid) {
			if (byOld) writeFileSync(join(old, 'cgroup.procs'), String(pid));
			group.add(pid);
		},
		remove() {
			if (byOld) rmdirSync(old);
			group.remove();
		},
	};
}
