/** What a view of proc leaves out: processes of others, and those outside of a container. */
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { procOption, whyHidden } from '../../../system/kernel-text.ts';
import { hasMachinePids } from '../../../system/pid-namespace.ts';

/** A sentence each; empty: none are hidden. */
export function blindSpots(root: string): string[] {
	const spots: string[] = [];
	const option = procOption(root, 'hidepid');
	// with the right to see everything, or in the exempted group, the first process can be read
	if (option !== undefined && option !== '0' && option !== 'off' && !isReadable(join(root, '1/stat')))
		spots.push(`proc is mounted with hidepid=${option}: only your own processes are visible.`);
	const hidden = whyHidden(root, 'stat');
	if (hidden !== undefined) spots.push(`The CPU time of the whole machine is not known: ${hidden}.`);
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
