/** Free room of the file systems on disks, by statfs. Only local ones: a file server that is away would block the caller. */

import { statfsSync } from 'node:fs';
import { join } from 'node:path';
import { readLatin1 } from '../lib/read-file.ts';
import { type SafeText, sanitizeLatin1 } from '../lib/sanitize.ts';
import type { Bytes, Count } from '../lib/units.ts';

/** Free room of one file system. */
export interface Space {
	mount: SafeText;
	total_bytes: Bytes;
	/** For users other than root. */
	free_bytes: Bytes;
	/** 0: the file system has no fixed number. */
	inodes: Count;
	free_inodes: Count;
}

const TYPES: ReadonlySet<string> = new Set([
	'ext2',
	'ext3',
	'ext4',
	'xfs',
	'btrfs',
	'f2fs',
	'vfat',
	'exfat',
	'bcachefs',
	'jfs',
	'reiserfs',
	'nilfs2',
]);
/** Between two reads, ms. */
const PAUSE = 5000;
const MOST = 100;

/** Paths of writable local mounts, one for each device, from the text of mountinfo. */
function writableMounts(text: string): string[] {
	const mounts = new Map<string, string>();
	for (const line of text.split('\n')) {
		const [before = '', after = ''] = line.split(' - ');
		const [, , device = '', , path = '', options = ''] = before.split(' ');
		const [type = '', , superOptions = ''] = after.split(' ');
		if (!TYPES.has(type) || [options, superOptions].some((list) => list.split(',').includes('ro'))) continue;
		const plain = path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
		const known = mounts.get(device);
		if (known === undefined || plain.length < known.length) mounts.set(device, plain);
	}
	return [...mounts.values()].slice(0, MOST);
}

/** Reads at most 100 mounts, every 5 s; a file system that cannot be read is left out. */
export class SpaceReader {
	private readonly procRoot: string;
	private next = 0;
	private last: Space[] = [];

	constructor(procRoot: string) {
		this.procRoot = procRoot;
	}

	/** As of at most five seconds ago. */
	read(): readonly Space[] {
		const now = performance.now();
		if (now < this.next) return this.last;
		this.next = now + PAUSE;
		let text = '';
		try {
			text = readLatin1(join(this.procRoot, 'self/mountinfo'));
		} catch {
			// no proc: nothing is known
		}
		this.last = writableMounts(text).flatMap((path): Space[] => {
			try {
				const { bsize, blocks, bavail, files, ffree } = statfsSync(Buffer.from(path, 'latin1'));
				return [
					{
						mount: sanitizeLatin1(path),
						total_bytes: blocks * bsize,
						free_bytes: bavail * bsize,
						inodes: files,
						free_inodes: ffree,
					},
				];
			} catch {
				// unmounted meanwhile, or not visible from here
				return [];
			}
		});
		return this.last;
	}
}
