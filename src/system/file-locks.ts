/** Which process waits for the file lock of which other one, from `/proc/locks`. */

export interface FileLock {
	/** Process that waits. */
	pid: number;
	/** Process that has the lock; 0: a lock of an open file, which belongs to no process. */
	holder: number;
	/** `POSIX`, `FLOCK`, `LEASE`, `OFDLCK`. */
	kind: string;
}

/** Lines `1: POSIX ADVISORY WRITE 812 fe:00:1234 0 EOF`, its waiters below as `1: -> POSIX …`. */
export function parseLocks(text: string): FileLock[] {
	const found: FileLock[] = [];
	let holder = 0;
	for (const line of text.split('\n')) {
		const [, waits, kind = '', pid] = /^\d+:\s+((?:-> ?)*)\s*(\w+)\s+\w+\s+\w+\s+(-?\d+)/.exec(line) ?? [];
		if (pid === undefined) continue;
		if (waits === '') holder = Math.max(0, Number(pid));
		else if (Number(pid) > 0) found.push({ pid: Number(pid), holder, kind });
	}
	return found;
}
