/**
 * Files of proc and sysfs about the whole machine, and why one cannot be read: proc mounted with `subset=pid` shows
 * processes only, and containers (lxcfs) have their own figures mounted over the machine's.
 */
import { existsSync, readFileSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { readKept } from '../lib/kept-files.ts';
import { type SafeText, safe, sanitize } from '../lib/sanitize.ts';

/** For how long it is taken for granted that nothing was mounted over a file, ms. */
const TRUSTED = 30_000;
/** When files were last found to be of their tree itself, by root and path. */
const own = new Map<string, number>();

/** When files of the kernel's own trees were last found to be absent: an error takes longer than a read. */
const absent = new Map<string, number>();

/** Is it a file of the tree itself? Throws where it is not there. */
function isOwn(root: string, path: string): boolean {
	const file = join(root, path);
	const now = performance.now();
	const found = own.get(file);
	if (found !== undefined && now - found < TRUSTED) return true;
	const missing = absent.get(file);
	if (missing !== undefined && now - missing < TRUSTED) return false;
	let type: number;
	try {
		({ type } = statfsSync(file));
	} catch (error) {
		if (root === '/proc' || root === '/sys') absent.set(file, now);
		throw error;
	}
	const is = type === statfsSync(root).type;
	if (is) own.set(file, now);
	else own.delete(file);
	return is;
}

/** The text of a file of the tree itself; undefined: there is none, or another file system is mounted over it. */
export function kernelText(root: string, path: string): string | undefined {
	try {
		return isOwn(root, path) ? readKept(join(root, path)) : undefined;
	} catch {
		return undefined;
	}
}

/** The value of an option of the proc mount at `root` (at `/proc` in a tree that stands elsewhere); undefined: not given. */
export function procOption(root: string, name: 'hidepid' | 'subset'): string | undefined {
	let mountinfo: string;
	try {
		mountinfo = readFileSync(join(root, 'self/mountinfo'), 'utf8');
	} catch {
		return undefined;
	}
	let found: string | undefined;
	for (const line of mountinfo.split('\n')) {
		// … mount-point options … - type source super-options
		const [before = '', after = ''] = line.split(' - ');
		const [type, , superOptions = ''] = after.split(' ');
		const point = before.split(' ')[4];
		if (type !== 'proc' || (point !== root && point !== '/proc')) continue;
		const option = superOptions.split(',').find((one) => one.startsWith(`${name}=`));
		// later mounts lie over earlier ones
		found = option?.slice(name.length + 1);
	}
	return found;
}

/** Why {@link kernelText} has nothing of a file in proc, or what hides it; undefined: it is there. */
export function whyHidden(procRoot: string, path: string): SafeText | undefined {
	const file = sanitize(join(procRoot, path));
	try {
		if (!isOwn(procRoot, path))
			return safe`another file system is mounted over ${file} (lxcfs does that in containers)`;
		readFileSync(join(procRoot, path));
		return undefined;
	} catch (error) {
		const subset = procOption(procRoot, 'subset');
		if (subset !== undefined && !existsSync(join(procRoot, path)))
			return safe`proc is mounted with subset=${sanitize(subset)}, which leaves out ${file}`;
		return safe`${file} cannot be read (${sanitize((error as NodeJS.ErrnoException).code ?? String(error))})`;
	}
}
