/** Folders that belong to the user of this process alone. */
import { constants, type Stats } from 'node:fs';
import { lstat, mkdir, open, realpath, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { systemReason } from './errors.ts';

/** Others may write the folder; only the owner of an entry may replace it. */
const STICKY = 0o1000;

/** Who may write a folder beside its owner; undefined: nobody, or the group of root alone. */
function writers({ mode, gid }: Stats, own: number | undefined): string | undefined {
	const by =
		(mode & 0o002) !== 0 ? 'others' : own === 0 && gid !== 0 && (mode & 0o020) !== 0 ? `group ${gid}` : undefined;
	return by && `may be written by ${by} (mode ${(mode & 0o7777).toString(8).padStart(4, '0')})`;
}

/** Why a folder is not one's own, or an entry on the path to it leads where somebody else wants; undefined: neither. */
function refusal(found: Stats, isFolder: boolean, own: number | undefined): string | undefined {
	if (found.uid !== own && (isFolder || found.uid !== 0)) return `belongs to another user (uid ${found.uid})`;
	if (isFolder) return writers(found, own);
	if (own !== 0 || found.isSymbolicLink() || (found.mode & STICKY) !== 0) return undefined;
	return writers(found, own);
}

/** From an entry up to the root. */
function* upwards(from: string): Generator<string> {
	for (let path = from; ; path = dirname(path)) {
		yield path;
		if (path === dirname(path)) return;
	}
}

/** undefined: it is missing. */
async function found(path: string): Promise<Stats | undefined> {
	return lstat(path).catch((error: NodeJS.ErrnoException) => {
		if (error.code !== 'ENOENT') throw new Error(`${path}: ${systemReason(error)}`);
		return undefined;
	});
}

async function behind(link: string): Promise<Stats> {
	return stat(link).catch((error: Error) => {
		throw new Error(`${link}: ${systemReason(error)}`);
	});
}

/**
 * Rejects where the folder is another user's, may be written by others, or is a symbolic link: under sudo with HOME kept, root
 * would leave files in a user's tree, or write where that user has led it. Of root's path every entry is checked: who can
 * rename one of them leads all that is below elsewhere. Resolves with the entries that are missing, the deepest first.
 */
async function check(folder: string, fix: string): Promise<string[]> {
	const own = process.geteuid?.();
	const missing: string[] = [];
	const examine = async (path: string, deepest: boolean): Promise<boolean> => {
		const entry = await found(path);
		if (entry === undefined) {
			missing.push(path);
			return deepest;
		}
		const isFolder = path === folder;
		if (entry.isSymbolicLink() && isFolder) throw new Error(`${path} is a symbolic link: ${fix}`);
		// a user's own path is that user's: what is above the deepest folder that is there is the administrator's
		if (own === 0 || deepest || entry.isSymbolicLink()) {
			const target = entry.isSymbolicLink() ? await behind(path) : entry;
			const why = refusal(entry, isFolder, own) ?? refusal(target, false, own);
			if (why !== undefined) throw new Error(`${path} ${why}: ${fix}`);
		}
		return false;
	};
	let deepest = true;
	for (const path of upwards(folder)) deepest = await examine(path, deepest);
	if (own === 0) {
		// and where links of root's lead
		const there = [...upwards(folder)].find((path) => !missing.includes(path)) ?? '/';
		const real = await realpath(there);
		if (real !== there) for (const path of upwards(real)) await examine(path, false);
	}
	return missing;
}

/** What was made in it is there after a power failure; on a file system that cannot, as it is. */
async function syncFolder(path: string): Promise<void> {
	const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
	await folder.sync().catch(() => {});
	await folder.close();
}

/** Rejects where it is not there, or is not one's own, see {@link makeOwnFolder}. */
export async function checkOwnFolder(folder: string, fix: string): Promise<void> {
	const path = resolve(folder);
	if ((await check(path, fix)).length > 0) throw new Error(`${folder}: no such file or directory`);
	if (!(await stat(path)).isDirectory()) throw new Error(`${folder} is not a folder: ${fix}`);
}

/**
 * Make the folder where it is missing, for its owner alone. Rejects where another user owns it, may write it, or may lead its
 * path elsewhere.
 */
export async function makeOwnFolder(folder: string, fix = 'set XDG_STATE_HOME to a folder of your own'): Promise<void> {
	const path = resolve(folder);
	const missing = await check(path, fix);
	// one by one: node's recursive mkdir never ends where a file system such as /proc makes no folders
	for (const one of missing.reverse()) {
		await mkdir(one, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
			if (error.code !== 'EEXIST') throw new Error(`${one}: ${systemReason(error)}`);
		});
		await syncFolder(dirname(one));
	}
	// what somebody else has made meanwhile is not one's own
	await checkOwnFolder(path, fix);
}
