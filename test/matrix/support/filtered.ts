/** A filter by file or folder: either it measures what it names, or it is refused. */
import assert from 'node:assert/strict';
import { Unavailable, UsageError } from '../../../src/core/errors.ts';
import type { Options } from '../../../src/core/tracer.ts';
import { io } from '../../../src/tracers/io/tracer.ts';
import type { Guest } from '../check.ts';

/** Bytes read of a file, past the page cache. */
const BYTES = 1 << 20;

/** A file that is on the disk and not in memory. */
export async function coldFile(guest: Guest, path: string): Promise<void> {
	await guest.run('dd', 'if=/dev/urandom', `of=${path}`, 'bs=64k', `count=${BYTES >> 16}`, 'conv=fsync');
	await guest.shell('sync; echo 3 >/proc/sys/vm/drop_caches');
}

/**
 * Fails where the filter is taken and nothing of the file is found, and where it is refused for another reason than the one
 * that holds of its file system.
 * @param refused what the reason must say; undefined: it must not be refused
 */
export async function filterFinds(guest: Guest, options: Options, file: string, refused?: RegExp): Promise<void> {
	let session: ReturnType<typeof guest.measure<object, object>>;
	try {
		session = guest.measure(io as never, { slow: 1000, ...options }, 'operation') as typeof session;
	} catch (error) {
		if (!(error instanceof Unavailable || error instanceof UsageError) || !refused?.test(error.message)) throw error;
		guest.note(`refused: ${error.message}`);
		return;
	}
	session.read();
	await guest.run('dd', `if=${file}`, 'of=/dev/null', 'bs=64k');
	await guest.seconds(0.5);
	const rows = session.read().rows as { op: string; bytes: number }[];
	const bytes = rows.reduce((sum, row) => sum + (row.op === 'read' ? row.bytes : 0), 0);
	assert.ok(bytes >= BYTES, `${JSON.stringify(options)}: ${bytes} of ${BYTES} bytes`);
}
