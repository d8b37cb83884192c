/** Folders that belong to the user of this process alone. */
import { lstat, mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { systemReason } from './errors.ts';

/**
 * Make the folder where it is missing. Rejects where it is another user's or a symbolic link: under sudo with HOME kept,
 * root would leave files in a user's tree, or write where that user has led it.
 */
export async function makeOwnFolder(folder: string, fix = 'set XDG_STATE_HOME to a folder of your own'): Promise<void> {
	const own = process.geteuid?.();
	// from the folder up: the deepest one that is there decides, before anything is made in it
	let deepest = true;
	const missing: string[] = [];
	for (let path = folder; ; path = dirname(path)) {
		const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
			if (error.code !== 'ENOENT') throw new Error(`${path}: ${systemReason(error)}`);
			return undefined;
		});
		if (found?.isSymbolicLink() && path === folder) throw new Error(`${path} is a symbolic link: ${fix}`);
		if (found && (deepest || found.isSymbolicLink())) {
			const owners = found.isSymbolicLink() ? [found.uid, (await stat(path)).uid] : [found.uid];
			const foreign = owners.find((uid) => uid !== own && (uid !== 0 || path === folder));
			if (foreign !== undefined) throw new Error(`${path} belongs to another user (uid ${foreign}): ${fix}`);
			deepest = false;
		}
		if (found === undefined) missing.push(path);
		if (path === dirname(path)) break;
	}
	// one by one: node's recursive mkdir never ends where a file system such as /proc makes no folders
	for (const path of missing.reverse()) {
		await mkdir(path, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
			if (error.code !== 'EEXIST') throw new Error(`${path}: ${systemReason(error)}`);
		});
	}
	if (!(await stat(folder)).isDirectory()) throw new Error(`${folder} is not a folder: ${fix}`);
}
