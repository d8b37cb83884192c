/** Facts about linking that the release is checked by. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { type DynamicSymbol, readElf } from '../../scripts/release/elf.ts';
import { compareVersions, glibcVersion, highestGlibc, planStub } from '../../scripts/release/floor.ts';

const folder = mkdtempSync(join(tmpdir(), 'wattlag-elf-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('a shared object: what it needs, what it defines, which versions', () => {
	const [source, library, script] = ['a.c', 'a.so', 'a.map'].map((name) => join(folder, name)) as [
		string,
		string,
		string,
	];
	writeFileSync(
		source,
		'#include <stdio.h>\nint answer;\nint own(void) { return puts("x"); }\nint hidden(void) { return 1; }\n',
	);
	writeFileSync(script, 'OWN_1.0 { global: own; answer; local: *; };\n');
	const clang = ['-shared', '-fPIC', source, '-o', library, `-Wl,--version-script=${script}`, '-Wl,-soname,liba.so.1'];
	execFileSync('clang', clang);
	const elf = readElf(library);
	expect(elf.soname).toBe('liba.so.1');
	expect(elf.needed).toEqual(['libc.so.6']);
	expect(elf.interpreter).toBeUndefined();
	const find = (name: string): DynamicSymbol | undefined => elf.symbols.find((symbol) => symbol.name === name);
	expect(find('own')).toMatchObject({ defined: true, version: 'OWN_1.0', isObject: false });
	expect(find('answer')).toMatchObject({ defined: true, isObject: true, size: 4 });
	expect(find('hidden')).toBeUndefined();
	expect(find('puts')).toMatchObject({ defined: false });
	expect(highestGlibc(elf)).toMatch(/^2\.\d/);
});

test('a program names its interpreter', () => {
	expect(readElf(process.execPath).interpreter).toMatch(/^\/lib.*\/ld-linux/);
});

test('a file that is no ELF file is refused', () => {
	writeFileSync(join(folder, 'text'), 'not an ELF file, but longer than its header'.repeat(3));
	expect(() => readElf(join(folder, 'text'))).toThrow(/not a 64-bit little-endian ELF file/);
});

test.each([
	['2.9', '2.10', -1],
	['2.28', '2.28', 0],
	['2.2.5', '2.2', 1],
])('release %s against %s', (a, b, sign) => {
	expect(Math.sign(compareVersions(a, b))).toBe(sign);
});

test('versions of other libraries are not releases of glibc', () => {
	expect(glibcVersion({ version: 'GLIBC_2.17' })).toBe('2.17');
	for (const version of ['GLIBC_PRIVATE', 'GLIBCXX_3.4', 'OWN_1.0']) expect(glibcVersion({ version })).toBeUndefined();
});

test('a stand-in has the newest version that is not above the floor', () => {
	const symbol = (name: string, version: string, isObject = false): DynamicSymbol => ({
		name,
		defined: true,
		weak: false,
		version: `GLIBC_${version}`,
		isDefault: true,
		isObject,
		size: isObject ? 8 : 1,
	});
	const library = {
		machine: 62,
		needed: [],
		symbols: [
			symbol('memcpy', '2.2.5'),
			symbol('memcpy', '2.14'),
			symbol('stat', '2.33'),
			symbol('pthread_create', '2.34'),
			symbol('pthread_create', '2.2.5'),
			symbol('environ', '2.2.5', true),
		],
	};
	const stub = planStub(library, ['memcpy', 'stat', 'pthread_create', 'environ', 'elsewhere'], '2.28');
	expect(Object.fromEntries(stub.versions)).toEqual({ memcpy: '2.14', pthread_create: '2.2.5', environ: '2.2.5' });
	expect(stub.tooNew).toEqual(['stat']);
	expect(Object.fromEntries(stub.objects)).toEqual({ environ: 8 });
});
