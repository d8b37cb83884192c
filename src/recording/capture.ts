/** Bundles in a folder: made, listed, counted. */

import { closeSync, constants, fsyncSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { systemReason } from '../core/errors.ts';
import { makeOwnFolder } from '../core/own-folder.ts';
import { redactLines } from '../lib/redact.ts';
import { type SafeText, sanitize } from '../lib/sanitize.ts';
import type { Bytes } from '../lib/units.ts';
import { type Manifest, openBundle, packBundle } from './bundle.ts';
import { Folder } from './folder.ts';
import type { TarFile } from './tar.ts';

/** Name of the text that says what was wrong, first in a bundle. */
export const TRIAGE = 'triage.txt';

/** Folder of the bundles below that of the recordings. */
export const CAPTURES = 'captures';

/** That text as a file; none without lines. */
export function triageFile(lines: readonly string[]): TarFile[] {
	return lines.length > 0 ? [{ name: TRIAGE, bytes: Buffer.from(`${lines.join('\n')}\n`) }] : [];
}

const NAME = /^capture-[\w.-]{1,120}\.wlb$/;
/** Bytes of the kernel's log at its end. */
const KMSG: Bytes = 64 * 1024;

export interface Listed {
	name: string;
	bytes: Bytes;
	/** undefined: it cannot be read. */
	manifest: Manifest | undefined;
	problem: SafeText | undefined;
}

/** `capture-20260102T030405Z-cpu-hog.wlb` */
export function captureName(written: string, cause: string): string {
	const time = written.replace(/\.\d+|[^0-9TZ]/g, '');
	return `capture-${time}-${cause.replace(/[^A-Za-z0-9]+/g, '-').slice(0, 40)}.wlb`;
}

/** Write a bundle for its owner alone. Resolves with its path. */
export async function writeCapture(
	path: string,
	about: Omit<Manifest, 'bundle' | 'files'>,
	files: readonly TarFile[],
): Promise<{ path: string; bytes: Bytes }> {
	await makeOwnFolder(path);
	const folder = new Folder(path);
	try {
		const { bytes } = packBundle(about, files);
		const name = captureName(about.written, about.cause);
		const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
		const fd = openSync(folder.at(name), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
		try {
			for (let from = 0; from < bytes.length; ) from += writeSync(fd, bytes, from);
			// what was worth a capture may end the machine next
			fsyncSync(fd);
		} catch (error) {
			folder.remove(name);
			throw error;
		} finally {
			closeSync(fd);
		}
		await folder.sync();
		return { path: `${path}/${name}`, bytes: bytes.length };
	} finally {
		folder.close();
	}
}

/** Bytes of the captures in a folder; 0: there is none. */
export function captureBytes(path: string): Bytes {
	try {
		const folder = new Folder(path);
		const sizes = folder.names().map((name) => (NAME.test(name) ? (folder.size(name) ?? 0) : 0));
		folder.close();
		return sizes.reduce((sum, size) => sum + size, 0);
	} catch {
		return 0;
	}
}

/** Newest first. @throws where the folder cannot be read */
export function listCaptures(path: string): Listed[] {
	const folder = new Folder(path);
	try {
		const names = folder
			.names()
			.filter((name) => NAME.test(name) && folder.size(name) !== undefined)
			.sort()
			.reverse();
		return names.map((name) => {
			const bytes = folder.size(name) ?? 0;
			try {
				const fd = folder.openRead(name);
				try {
					const { manifest, damage } = openBundle(readFileSync(fd));
					return { name, bytes, manifest, problem: damage[0] === undefined ? undefined : sanitize(damage[0]) };
				} finally {
					closeSync(fd);
				}
			} catch (error) {
				return { name, bytes, manifest: undefined, problem: sanitize(systemReason(error)) };
			}
		});
	} finally {
		folder.close();
	}
}

/** The end of the kernel's log, a line each, with secrets masked: programs and the audit system write command lines into it; undefined: it cannot be read. */
export function kernelLog(): Buffer | undefined {
	let fd: number | undefined;
	try {
		fd = openSync('/dev/kmsg', constants.O_RDONLY | constants.O_NONBLOCK);
		const record = Buffer.alloc(16 * 1024);
		const lines: string[] = [];
		let length = 0;
		for (;;) {
			let count: number;
			try {
				count = readSync(fd, record);
			} catch (error) {
				// EPIPE: records were overwritten meanwhile; the next read goes on
				if ((error as NodeJS.ErrnoException).code === 'EPIPE') continue;
				break;
			}
			if (count === 0) break;
			const line = sanitize(record.subarray(0, count).toString('latin1').split('\n')[0] ?? '');
			lines.push(line);
			length += line.length + 1;
			while (length > KMSG) length -= (lines.shift()?.length ?? 0) + 1;
		}
		return Buffer.from(`${redactLines(lines.join('\n'))}\n`);
	} catch {
		return undefined;
	} finally {
		if (fd !== undefined) closeSync(fd);
	}
}
