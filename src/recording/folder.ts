/**
 * The folder of a recorder: nothing outside of it is ever read, written or followed. The folder is opened once, and each
 * file by its name below that descriptor: a path that changes meanwhile leads nowhere else.
 */
import {
	closeSync,
	constants,
	fstatSync,
	lstatSync,
	openSync,
	readdirSync,
	renameSync,
	statfsSync,
	unlinkSync,
} from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { systemReason } from '../core/errors.ts';
import type { Bytes } from '../lib/units.ts';

/** `seg-`: frames as they were measured; `low-`: merged ones. Wall clock in ms, beginning of the boot id, number. */
const SEGMENT = /^(seg|low)-(\d{1,15})-([0-9a-f]{8})-(\d{1,9})\.wlr$/;

/** End of the name of a file that takes the place of another one when it is whole. */
const UNFINISHED = '.new';

export type Tier = 'seg' | 'low';

export interface SegmentName {
	name: string;
	tier: Tier;
	/** Wall clock of its beginning, ms. */
	wall: number;
	boot: string;
	/** Rises by one within a tier: the order of recording, whatever the clock did. */
	number: number;
}

export function segmentName(tier: Tier, wall: number, boot: string, number: number): string {
	return `${tier}-${Math.max(0, Math.round(wall))}-${boot.slice(0, 8)}-${String(number).padStart(6, '0')}.wlr`;
}

/** undefined: the name is no segment's. */
export function parseSegmentName(name: string): SegmentName | undefined {
	const [, tier, wall, boot, number] = SEGMENT.exec(name) ?? [];
	if (tier === undefined) return undefined;
	return { name, tier: tier as Tier, wall: Number(wall), boot: boot as string, number: Number(number) };
}

/** Name of a segment's index. */
export function indexName(segment: string): string {
	return segment.replace(/\.wlr$/, '.idx');
}

export interface OwnSegment extends SegmentName {
	/** Of the segment and its index. */
	bytes: Bytes;
}

export class Folder {
	readonly path: string;
	private readonly fd: number;

	/** @throws where it is no folder, or a symbolic link */
	constructor(path: string) {
		this.path = path;
		this.fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
	}

	/** A name below the descriptor. */
	at(name: string): string {
		if (name === '' || name === '.' || name === '..' || name.includes('/') || name.includes('\0'))
			throw new Error(`no name of a file: '${name}'`);
		return `/proc/self/fd/${this.fd}/${name}`;
	}

	names(): string[] {
		return readdirSync(`/proc/self/fd/${this.fd}`);
	}

	/** Its segments in the order of recording, those of one tier after the other. Other names, links and folders are none. */
	segments(): OwnSegment[] {
		const names = this.names();
		const all = new Set(names);
		const found = names.flatMap((name): OwnSegment[] => {
			const segment = parseSegmentName(name);
			const bytes = segment && this.size(name);
			if (bytes === undefined) return [];
			const index = indexName(name);
			return [{ ...(segment as SegmentName), bytes: bytes + (all.has(index) ? (this.size(index) ?? 0) : 0) }];
		});
		return found.sort((a, b) => (a.tier === b.tier ? a.number - b.number : a.tier === 'low' ? -1 : 1));
	}

	/** Bytes of a regular file; undefined: it is none. */
	size(name: string): Bytes | undefined {
		try {
			const found = lstatSync(this.at(name));
			return found.isFile() ? found.size : undefined;
		} catch {
			return undefined;
		}
	}

	/** Open a file that is there, for reading; never through a link, never a device or pipe. */
	openRead(name: string): number {
		const fd = openSync(this.at(name), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
		if (fstatSync(fd).isFile()) return fd;
		closeSync(fd);
		throw new Error('not a regular file');
	}

	/**
	 * Open a file of this process's user, which is made where it is missing; never through a link, never a device or pipe, and
	 * none that has another name elsewhere.
	 * @param flags how: `O_WRONLY | O_APPEND`
	 * @throws with its path and the reason
	 */
	openOwn(name: string, flags: number): number {
		const { O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;
		try {
			const fd = openSync(this.at(name), flags | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
			const found = fstatSync(fd);
			const { uid, nlink } = found;
			const why = !found.isFile()
				? 'not a regular file'
				: uid !== process.geteuid?.()
					? `belongs to another user (uid ${uid})`
					: nlink > 1
						? 'has a second name (hard link)'
						: undefined;
			if (why === undefined) return fd;
			closeSync(fd);
			throw new Error(why);
		} catch (error) {
			throw new Error(`${this.path}/${name}: ${systemReason(error)}`);
		}
	}

	/** Make a file, for its owner alone. Rejects where the name is taken. */
	create(name: string): Promise<FileHandle> {
		const { O_WRONLY, O_CREAT, O_EXCL, O_APPEND, O_NOFOLLOW } = constants;
		return open(this.at(name), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW, 0o600);
	}

	/** Put these bytes in the place of a file at once: after a crash either is there, whole. */
	async replace(name: string, bytes: Buffer): Promise<void> {
		const made = `${name}${UNFINISHED}`;
		this.unlink(made);
		const file = await this.create(made);
		try {
			await file.writeFile(bytes);
			await file.sync();
			renameSync(this.at(made), this.at(name));
		} catch (error) {
			this.unlink(made);
			throw error;
		} finally {
			await file.close();
		}
	}

	/** Remove a segment with its index. */
	remove(segment: string): void {
		const index = indexName(segment);
		for (const name of [`${index}${UNFINISHED}`, index, segment]) this.unlink(name);
	}

	/** A file that is not there is as good as removed. */
	private unlink(name: string): void {
		try {
			unlinkSync(this.at(name));
		} catch (error) {
			if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
		}
	}

	/** Bytes of its file system: what a user may still write, and all of them. */
	space(): { free: Bytes; size: Bytes } {
		const { bavail, blocks, bsize } = statfsSync(`/proc/self/fd/${this.fd}`);
		return { free: bavail * bsize, size: blocks * bsize };
	}

	/** Make what was created and removed last. */
	async sync(): Promise<void> {
		const handle = await open(`/proc/self/fd/${this.fd}`, constants.O_RDONLY | constants.O_DIRECTORY);
		try {
			await handle.sync();
		} finally {
			await handle.close();
		}
	}

	close(): void {
		closeSync(this.fd);
	}
}
