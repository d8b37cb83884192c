/**
 * A file for node_exporter's textfile collector: written beside its name and renamed, so that no reader ever finds half of
 * it. The folder may be another's: nothing that lies there is followed or overwritten in place.
 */

import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** The collector reads files that everybody may read. */
const MODE = 0o644;

export async function writeTextfile(path: string, text: string): Promise<void> {
	// node_exporter reads *.prom; the name of the unfinished one must not end so
	const unfinished = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}`);
	const flags = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | constants.O_NOFOLLOW;
	const file = await open(unfinished, flags, MODE);
	try {
		await file.writeFile(text);
		// the umask may have taken the readers' right
		await file.chmod(MODE);
		await file.close();
		await rename(unfinished, path);
	} catch (error) {
		await file.close().catch(() => {});
		await rm(unfinished, { force: true });
		throw error;
	}
}
