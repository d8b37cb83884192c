/** The guest's first file system, in memory: busybox, the modules that the others are reached with, and `init`. */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';

const DIRECTORY = 0o040755;
const EXECUTABLE = 0o100755;
const CONSOLE = { mode: 0o020600, major: 5, minor: 1 };

interface Entry {
	name: string;
	mode: number;
	bytes?: Uint8Array;
	/** Device numbers. */
	major?: number;
	minor?: number;
}

/** An archive of cpio's `newc` format (Documentation/driver-api/early-userspace/buffer-format.rst). */
function cpio(entries: readonly Entry[]): Buffer {
	const parts: Buffer[] = [];
	let length = 0;
	const add = (bytes: Uint8Array): void => {
		const padding = -bytes.length & 3;
		parts.push(Buffer.from(bytes), Buffer.alloc(padding));
		length += bytes.length + padding;
	};
	for (const [index, { name, mode, bytes = new Uint8Array(), major = 0, minor = 0 }] of [
		...entries,
		{ name: 'TRAILER!!!', mode: 0 } as Entry,
	].entries()) {
		const fields = [index + 1, mode, 0, 0, 1, 0, bytes.length, 0, 0, major, minor, name.length + 1, 0];
		add(Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}${name}\0`));
		add(bytes);
	}
	return Buffer.concat(parts, length);
}

/**
 * @param busybox static, of the guest's architecture
 * @param modules files, in the order in which they are loaded
 */
export function initramfs(init: string, busybox: string, modules: readonly string[]): Buffer {
	const folders = ['bin', 'sbin', 'dev', 'proc', 'sys', 'lib', 'lib/modules', 'modules'];
	return cpio([
		...folders.map((name) => ({ name, mode: DIRECTORY })),
		{ name: 'dev/console', ...CONSOLE },
		{ name: 'bin/busybox', mode: EXECUTABLE, bytes: readFileSync(busybox) },
		{ name: 'init', mode: EXECUTABLE, bytes: Buffer.from(init) },
		{
			name: 'modules/order',
			mode: EXECUTABLE,
			bytes: Buffer.from(modules.map((path) => `${basename(path)}\n`).join('')),
		},
		...modules.map((path) => ({ name: `modules/${basename(path)}`, mode: EXECUTABLE, bytes: readFileSync(path) })),
	]);
}
