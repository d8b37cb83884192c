/** Bytes of a page. */
import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { pageSize, pageSizeIn } from '../../src/lib/page-size.ts';

test('is that of the C library', () => {
	expect(pageSize()).toBe(Number(execFileSync('getconf', ['PAGESIZE'], { encoding: 'utf8' })));
});

test.each([4096, 16_384, 65_536])('of an auxiliary vector: %i', (size) => {
	// AT_SYSINFO_EHDR, AT_HWCAP, AT_PAGESZ, AT_NULL
	const words = BigUint64Array.of(33n, 0x7fff00000000n, 16n, 0xbfebfbffn, 6n, BigInt(size), 0n, 0n);
	expect(pageSizeIn(new Uint8Array(words.buffer))).toBe(size);
});

test('a vector without it, or cut, has the usual one', () => {
	expect(pageSizeIn(new Uint8Array())).toBe(4096);
	expect(pageSizeIn(new Uint8Array([6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]))).toBe(4096);
});
