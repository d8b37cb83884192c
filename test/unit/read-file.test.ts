/** Files without a size are read whole, through one buffer, and in parts of whole lines. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { partsOf, readBytes, readLatin1 } from '../../src/lib/read-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'wattlag-read-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(bytes: Uint8Array): string {
	const path = join(folder, 'file');
	writeFileSync(path, bytes);
	return path;
}

test('all bytes, whatever the length', () => {
	for (const length of [0, 1, 65_535, 65_536, 65_537, 300_000]) {
		const bytes = Buffer.from(Uint8Array.from({ length }, (_, at) => (at * 7) % 256));
		const path = file(bytes);
		expect(readBytes(path).equals(bytes)).toBe(true);
		expect(readLatin1(path)).toBe(bytes.toString('latin1'));
	}
});

test('bytes of one file outlive the next read', () => {
	const first = readBytes(file(Buffer.from('first')));
	readBytes(file(Buffer.from('other')));
	expect(first.toString()).toBe('first');
});

test('parts are whole lines, and their sum is the file', () => {
	const lines = Array.from({ length: 9000 }, (_, at) => `line ${at} ${'x'.repeat(at % 40)}\n`);
	lines.splice(4000, 0, `${'long'.repeat(40_000)}\n`);
	const text = `${lines.join('')}without an end`;
	const parts = Array.from(partsOf(file(Buffer.from(text))), String);
	expect(parts.length).toBeGreaterThan(3);
	expect(parts.slice(0, -1).every((part) => part.endsWith('\n'))).toBe(true);
	expect(parts.join('')).toBe(text);
	expect([...partsOf(file(Buffer.alloc(0)))]).toEqual([]);
});

test('files of proc, which give a page at a time', () => {
	const symbols = Buffer.concat(Array.from(partsOf('/proc/kallsyms'), (part) => Buffer.from(part)));
	// modules and BPF programs come and go meanwhile: the kernel itself, at the beginning, does not
	expect(symbols.subarray(0, 2 ** 20).equals(readFileSync('/proc/kallsyms').subarray(0, 2 ** 20))).toBe(true);
	expect(() => readLatin1('/proc/no-such-file')).toThrow(/ENOENT/);
});
