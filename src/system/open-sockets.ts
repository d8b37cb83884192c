/** Whether a process has a socket open, from `/proc`. */
import { opendirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Count } from '../lib/units.ts';

/** Files of a process that are read: one that has more may have one among the others. */
const MOST: Count = 64;

/** True also where `/proc` does not say. */
export function hasSocket(procRoot: string, pid: number): boolean {
	const folder = join(procRoot, String(pid), 'fd');
	try {
		const files = opendirSync(folder);
		try {
			for (let count = 0; count < MOST; count++) {
				const file = files.readSync();
				if (!file) return false;
				if (readlinkSync(join(folder, file.name)).startsWith('socket:')) return true;
			}
			return true;
		} finally {
			files.closeSync();
		}
	} catch {
		return true;
	}
}
