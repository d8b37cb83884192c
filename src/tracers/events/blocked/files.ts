/** The file that a blocked task's system call is about, and its device. Nothing here touches the file itself: it may hang. */

import { readlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { readLatin1 } from '../../../lib/read-file.ts';
import { type SafeText, safe, sanitize } from '../../../lib/sanitize.ts';

export interface BlockedFile {
	/** Empty: not known. */
	path: SafeText;
	/** Block device, or source of the mount (`server:/export`). */
	device: SafeText;
}

/** System calls whose first argument is a file descriptor, by architecture. */
const BY_DESCRIPTOR: Readonly<Record<string, readonly number[]>> = {
	x64: [0, 1, 3, 5, 8, 16, 17, 18, 19, 20, 74, 75, 77, 78, 217, 277, 285, 295, 296, 306],
	arm64: [46, 47, 57, 61, 62, 63, 64, 65, 66, 67, 68, 69, 70, 80, 82, 83, 84, 267],
};
const calls = new Set(BY_DESCRIPTOR[process.arch] ?? []);

/** The name of a block device by its numbers, from sysfs. */
function deviceName(sysRoot: string, numbers: string): SafeText | undefined {
	try {
		return sanitize(basename(readlinkSync(join(sysRoot, 'dev/block', numbers))));
	} catch {
		return undefined;
	}
}

/** Device of a mount, from the text of `/proc/PID/mountinfo`. */
export function mountDevice(mountinfo: string, mount: number, sysRoot: string): SafeText | undefined {
	for (const line of mountinfo.split('\n')) {
		const [before = '', after = ''] = line.split(' - ');
		const fields = before.split(' ');
		if (Number(fields[0]) !== mount) continue;
		const numbers = fields[2] ?? '';
		const [, source = ''] = after.split(' ');
		// anonymous devices (network file systems) have major 0
		return (numbers.startsWith('0:') ? undefined : deviceName(sysRoot, numbers)) ?? sanitize(source);
	}
	return undefined;
}

/** undefined: its call is about no file, or not known. */
export function fileOf(procRoot: string, sysRoot: string, pid: number, tid: number): BlockedFile | undefined {
	try {
		const folder = join(procRoot, String(pid), 'task', String(tid));
		const [call, first] = readLatin1(join(folder, 'syscall')).split(' ');
		if (call === undefined || first === undefined || !calls.has(Number(call))) return undefined;
		const descriptor = Number(first);
		if (!Number.isSafeInteger(descriptor) || descriptor > 1 << 20) return undefined;
		const info = readLatin1(join(folder, 'fdinfo', String(descriptor)));
		const mount = Number(/^mnt_id:\s*(\d+)$/m.exec(info)?.[1] ?? -1);
		let device = mountDevice(readLatin1(join(folder, 'mountinfo')), mount, sysRoot);
		let path = safe``;
		try {
			path = sanitize(readlinkSync(join(folder, 'fd', String(descriptor)), { encoding: 'buffer' }));
		} catch {
			// it was closed meanwhile
		}
		// a device's own file: the device itself, not the file system that has its name
		if (path.startsWith('/dev/') && device === 'devtmpfs') device = sanitize(basename(path));
		return { path, device: device ?? safe`` };
	} catch {
		return undefined;
	}
}
