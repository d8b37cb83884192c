/** Files that stay open between reads, beside reading them anew. */
import { readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { readKept } from '../../src/lib/kept-files.ts';
import { temporaryDirectory } from '../truth/leftovers.ts';

/** Descriptors of this process on a file. */
function openOn(path: string): number {
	return readdirSync('/proc/self/fd').filter((fd) => {
		try {
			return readlinkSync(`/proc/self/fd/${fd}`) === path;
		} catch {
			return false;
		}
	}).length;
}

test('a file of proc is read as it is now, from its begin, through one descriptor', () => {
	for (let time = 0; time < 3; time++) {
		expect(readKept('/proc/version')).toBe(readFileSync('/proc/version', 'latin1'));
		const before = Number(readFileSync('/proc/uptime', 'latin1').split(' ')[0]);
		expect(Number(readKept('/proc/uptime').split(' ')[0])).toBeGreaterThanOrEqual(before);
	}
	expect(openOn('/proc/version')).toBe(1);
});

test('a long file is read whole; a missing one is an error each time', () => {
	const long = '/sys/kernel/btf/vmlinux';
	for (let time = 0; time < 2; time++) expect(readKept(long).length).toBe(readFileSync(long, 'latin1').length);
	expect(openOn(long)).toBe(0);
	for (let time = 0; time < 2; time++) expect(() => readKept('/proc/none')).toThrow(/ENOENT/);
});

test('a file of another file system is not kept: its name may be another file by now', () => {
	const { path, remove } = temporaryDirectory('/tmp/wattlag-kept-');
	const file = join(path, 'file');
	for (const text of ['one', 'two']) {
		rmSync(file, { force: true });
		writeFileSync(file, text);
		expect(readKept(file)).toBe(text);
	}
	expect(openOn(file)).toBe(0);
	remove();
});

/** Files of proc that can be read, of this kernel's settings. */
function settings(count: number): string[] {
	const folder = '/proc/sys/net/ipv4';
	const found = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name));
	return found
		.filter((path) => {
			try {
				return readFileSync(path).length > 0;
			} catch {
				return false;
			}
		})
		.slice(0, count);
}

afterEach(() => void vi.restoreAllMocks());

test('of more files than stay open those that are open stay so, until they are not read any more', () => {
	const files = settings(300);
	expect(files.length).toBeGreaterThan(256);
	for (let time = 0; time < 2; time++) for (const file of files) readKept(file);
	const [first, last] = [files[0] as string, files.at(-1) as string];
	expect(openOn(first)).toBe(1);
	expect(openOn(last)).toBe(0);
	expect(readKept(last)).toBe(readFileSync(last, 'latin1'));

	const now = process.hrtime.bigint();
	vi.spyOn(process.hrtime, 'bigint').mockImplementation(() => now + 61_000_000_000n);
	readKept(last);
	expect(openOn(last)).toBe(1);
});
