/** A file or directory of a filter, by the numbers that the kernel's inodes have. */
import { type BigIntStats, closeSync, existsSync, openSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Unavailable, WrongValue } from '../../core/errors.ts';
import { below, type Mount, readMounts } from './mounts.ts';

/** O_PATH of Linux, which node:fs does not name: opens no device and needs no right to read. */
const O_PATH = 0o10000000;

export interface FileId {
	inode: bigint;
	/** Of the file system, in the kernel's own numbering. */
	dev: bigint;
	/** On btrfs the device number of the subvolume, whose inode numbers are its own; else 0. */
	subvolume: bigint;
}

/** Device number of stat(2), whose minor bits surround the major ones, to the kernel's own: 12 bits of major, then 20 of minor. */
function kernelDev(dev: bigint): bigint {
	const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & 0xfffff000n);
	const minor = (dev & 0xffn) | ((dev >> 12n) & 0xffffff00n);
	return (major << 20n) | minor;
}

/** The same of `major:minor`. */
function numberOf(dev: string): bigint {
	const [major = 0n, minor = 0n] = dev.split(':').map(BigInt);
	return (major << 20n) | minor;
}

/** undefined: there is none. @throws {WrongValue} */
function statOf(path: string): BigIntStats | undefined {
	try {
		return statSync(path, { bigint: true, throwIfNoEntry: false });
	} catch (error) {
		const code = (error as NodeJS.ErrnoException).code ?? String(error);
		throw new WrongValue(`'${path}' cannot be looked up (${code})`, 'name a path that can be opened');
	}
}

/**
 * In memory (tmpfs, proc), on a server (nfs, 9p) or behind a program (fuse): such a file system has a number without a driver,
 * unless a device stands behind it (fuseblk), whose requests are the program's. bcachefs has one too, and requests.
 */
function hasNoRequests({ dev, type }: Mount): boolean {
	return type !== 'bcachefs' && (dev.startsWith('0:') || type === 'fuseblk');
}

/** The mount by which a path is reached; undefined without proc. */
function mountOf(path: string, procRoot: string): Mount | undefined {
	const fd = openSync(path, O_PATH);
	try {
		const info = readFileSync(join(procRoot, `self/fdinfo/${fd}`), 'utf8');
		const id = Number(/^mnt_id:\s*(\d+)$/m.exec(info)?.[1]);
		return readMounts(procRoot).find((mount) => mount.id === id);
	} catch {
		return undefined;
	} finally {
		closeSync(fd);
	}
}

/** The same path in the uppermost layer that has it; undefined: none is to be seen from here. */
function inLayer(path: string, { point, root, options }: Mount): string | undefined {
	const inside = below(realpathSync(path), point);
	const directories = ['upperdir=', 'lowerdir=', 'lowerdir+=', 'datadir+='].flatMap((name) =>
		options.flatMap((option) => (option.startsWith(name) ? option.slice(name.length).split(/(?<!\\):/) : [])),
	);
	return directories
		.filter((directory) => directory.startsWith('/'))
		.map((directory) => `${directory}${root === '/' ? '' : root}${inside ?? ''}`)
		.find((candidate) => inside !== undefined && existsSync(candidate));
}

/** @throws {WrongValue} there is none @throws {Unavailable} its requests cannot be distinguished from those of others; they are in a layer below */
export function fileId(
	path: string,
	directory: boolean,
	{ procRoot, knowsSubvolumes }: { procRoot: string; knowsSubvolumes: () => boolean },
): FileId {
	const found = statOf(path);
	if (!found) throw new WrongValue(`there is no ${directory ? 'directory' : 'file'} '${path}'`, 'name one that exists');
	if (directory && !found.isDirectory()) throw new WrongValue(`'${path}' is no directory`, 'use --file for a file');
	if (!directory && found.isDirectory())
		throw new WrongValue(`'${path}' is a directory`, 'use --directory for the files below it');
	if (!directory && !found.isFile())
		throw new WrongValue(`'${path}' is no regular file: it has no requests`, 'use --device for a disk or partition');
	const mount = mountOf(path, procRoot);
	const own = kernelDev(found.dev);
	const dev = mount ? numberOf(mount.dev) : own;
	if (mount?.type === 'overlay') {
		const layer = inLayer(path, mount);
		throw new Unavailable(
			`'${path}' is on overlayfs, whose files have their requests in a layer below`,
			layer === undefined ? 'name the file in its layer, or filter by --pid or --cgroup' : `name '${layer}'`,
		);
	}
	if (mount?.type === 'btrfs') {
		if (!knowsSubvolumes())
			throw new Unavailable(
				`subvolumes of btrfs cannot be told apart on this kernel, and '${path}' is in one`,
				'use a kernel with the types of its modules (CONFIG_DEBUG_INFO_BTF_MODULES)',
			);
		return { inode: found.ino, dev, subvolume: own };
	}
	if (mount && hasNoRequests(mount))
		throw new Unavailable(
			`files on ${mount.type} have no requests of a block device ('${path}')`,
			'filter by --pid, --comm or --cgroup',
		);
	if (dev !== own)
		throw new Unavailable(
			`files on ${mount?.type ?? 'this file system'} cannot be told apart by their numbers ('${path}')`,
			'filter by --device, --pid or --cgroup',
		);
	return { inode: found.ino, dev, subvolume: 0n };
}
