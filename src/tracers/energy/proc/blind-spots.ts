/** What a view of proc leaves out: processes of others, and those outside of a container. */
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasMachinePids } from '../../../system/pid-namespace.ts';

/** In sentences; empty: nothing. */
export function blindSpots(root: string): string[] {
	const spots: string[] = [];
	try {
		const option = hidepid(readFileSync(join(root, 'self/mountinfo'), 'utf8'), root);
		// with the right to see everything, or in the exempted group, the first process can be read
		if (option !== undefined && !isReadable(join(root, '1/stat'))) {
			spots.push(`proc is mounted with hidepid=${option}: only your own processes are visible.`);
		}
	} catch {
		// a tree without it: nothing to say
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

/** The `hidepid` option of the proc mount at `root` (at `/proc` in a tree that stands elsewhere); undefined: off. */
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
