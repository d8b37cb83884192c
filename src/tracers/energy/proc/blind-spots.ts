/** Processes that a mount of proc hides: those of other users, and those outside the container. */
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasMachinePids } from '../../../system/pid-namespace.ts';

/** A sentence each; empty: none are hidden. */
export function blindSpots(root: string): string[] {
	const spots: string[] = [];
	try {
		const option = hidepid(readFileSync(join(root, 'self/mountinfo'), 'utf8'), root);
		// with the right to see all, or in the exempted group, the first process is readable
		if (option !== undefined && !isReadable(join(root, '1/stat'))) {
			spots.push(`proc is mounted with hidepid=${option}: only your own processes are visible.`);
		}
	} catch {
		// a tree of fixtures: nothing to report
	}
	if (!hasMachinePids(root)) {
		spots.push('This is a pid namespace (a container): processes outside of it are not visible.');
	}
	return spots;
}

function isReadable(path: string): boolean {
	try {
		closeSync(openSync(path, 'r'));
		return true;
	} catch {
		return false;
	}
}

/** The `hidepid` option of the proc mount at `root` (of `/proc` for a tree elsewhere); undefined: off. */
function hidepid(mountinfo: string, root: string): string | undefined {
	let found: string | undefined;
	for (const line of mountinfo.split('\n')) {
		// … mount-point options … - type source super-options
		const [before = '', after = ''] = line.split(' - ');
		const [type, , superOptions = ''] = after.split(' ');
		const point = before.split(' ')[4];
		if (type !== 'proc' || (point !== root && point !== '/proc')) continue;
		found = /(?:^|,)hidepid=([^,]+)/.exec(superOptions)?.[1];
		if (point === root) break;
	}
	return found === undefined || found === '0' || found === 'off' ? undefined : found;
}
