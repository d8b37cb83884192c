/** Symbols: inconsistent files, maps that grow, names that would act on a terminal. */
import { execFileSync } from 'node:child_process';
import { closeSync, ftruncateSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { beforeAll, describe, expect, test } from 'vitest';
import { sanitize } from '../../src/lib/sanitize.ts';
import { demangle, loadDemangler } from '../../src/symbols/demangle.ts';
import { Elf, ElfError, FileBytes, MemoryBytes, type RawSymbols } from '../../src/symbols/elf.ts';
import { parseKallsyms } from '../../src/symbols/kallsyms.ts';
import { mappingAt, parseMaps } from '../../src/symbols/mappings.ts';
import { PerfMap, readPerfMap } from '../../src/symbols/perf-map.ts';
import { tableIn } from '../../src/symbols/symbol-file.ts';
import { SymbolTable } from '../../src/symbols/table.ts';
import { decompressXz } from '../../src/symbols/xz.ts';
import { generator } from '../lib/random.ts';

/** A small 64-bit program in memory: one section of code, with symbols and a build-id. */
function program(names: readonly string[] = ['alpha', 'beta']): Uint8Array {
	const strings = Buffer.from(`\0${names.join('\0')}\0`, 'latin1');
	const sectionNames = Buffer.from('\0.text\0.symtab\0.strtab\0.shstrtab\0.note.gnu.build-id\0');
	const symbols = Buffer.alloc(24 * (names.length + 1));
	let nameAt = 1;
	for (const [index, name] of names.entries()) {
		const at = 24 * (index + 1);
		symbols.writeUInt32LE(nameAt, at);
		// a global function in section 1
		symbols[at + 4] = 0x12;
		symbols.writeUInt16LE(1, at + 6);
		symbols.writeBigUInt64LE(BigInt(0x1000 + index * 0x100), at + 8);
		symbols.writeBigUInt64LE(0x80n, at + 16);
		nameAt += Buffer.byteLength(name, 'latin1') + 1;
	}
	const note = Buffer.alloc(16 + 20);
	note.writeUInt32LE(4, 0);
	note.writeUInt32LE(20, 4);
	note.writeUInt32LE(3, 8);
	note.write('GNU\0', 12, 'latin1');
	note.fill(0xab, 16);
	const parts = [symbols, strings, sectionNames, note];
	const offsets: number[] = [];
	let end = 64 + 56;
	for (const part of parts) {
		offsets.push(end);
		end += (part.length + 7) & ~7;
	}
	const file = Buffer.alloc(end + 64 * 6);
	for (const [index, part] of parts.entries()) part.copy(file, offsets[index]);
	file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
	file.writeBigUInt64LE(0x1000n, 24);
	file.writeBigUInt64LE(64n, 32);
	file.writeBigUInt64LE(BigInt(end), 40);
	file.writeUInt16LE(56, 54);
	file.writeUInt16LE(1, 56);
	file.writeUInt16LE(64, 58);
	file.writeUInt16LE(6, 60);
	file.writeUInt16LE(4, 62);
	// one segment: the file from 0 on is mapped to 0x1000
	file.writeUInt32LE(1, 64);
	file.writeUInt32LE(5, 68);
	file.writeBigUInt64LE(0n, 72);
	file.writeBigUInt64LE(0x1000n, 80);
	file.writeBigUInt64LE(0x1000n, 96);
	const section = (index: number, name: number, type: number, flags: number, offset = 0, size = 0, link = 0) => {
		const at = end + 64 * index;
		file.writeUInt32LE(name, at);
		file.writeUInt32LE(type, at + 4);
		file.writeBigUInt64LE(BigInt(flags), at + 8);
		file.writeBigUInt64LE(BigInt(offset), at + 24);
		file.writeBigUInt64LE(BigInt(size), at + 32);
		file.writeUInt32LE(link, at + 40);
	};
	section(1, 1, 1, 6);
	section(2, 7, 2, 0, offsets[0], symbols.length, 3);
	section(3, 15, 3, 0, offsets[1], strings.length);
	section(4, 23, 3, 0, offsets[2], sectionNames.length);
	section(5, 33, 7, 2, offsets[3], note.length);
	return file;
}

const nameAt = (table: SymbolTable | undefined, address: number) => {
	const found = table?.find(address);
	return found && Buffer.from(found.name).toString('latin1');
};

describe('ELF', () => {
	test('symbols, build-id and addresses of a program', () => {
		const elf = new Elf(new MemoryBytes(program()));
		expect(elf.buildId()).toBe('ab'.repeat(20));
		expect(elf.addressOf(0x10)).toBe(0x1010);
		expect(elf.addressOf(0x5000)).toBeUndefined();
		const raw = elf.symbols('.symtab');
		const table = raw && new SymbolTable(raw);
		expect(nameAt(table, 0x1000)).toBe('alpha');
		expect(nameAt(table, 0x107f)).toBe('alpha');
		expect(nameAt(table, 0x1080)).toBeUndefined();
		expect(nameAt(table, 0x1110)).toBe('beta');
	});

	test('of this Node: thousands of symbols, in order', () => {
		const fd = openSync(process.execPath, 'r');
		try {
			const elf = new Elf(new FileBytes(fd, statSync(process.execPath).size));
			const raw = elf.symbols('.symtab') ?? elf.symbols('.dynsym');
			expect(raw?.count).toBeGreaterThan(1000);
			expect(elf.entry).toBeGreaterThan(0);
		} finally {
			closeSync(fd);
		}
	});

	test('a name of 64 KiB with escapes is cut and inert', () => {
		const table = new SymbolTable(
			new Elf(new MemoryBytes(program([`\x1b]52;c;${'A'.repeat(65_536)}`, 'b']))).symbols('.symtab') as never,
		);
		const found = table.find(0x1000);
		expect(found?.name.length).toBe(4096);
		expect(sanitize(found?.name ?? new Uint8Array())).toMatch(/^\^\[\]52;c;A+$/);
	});

	test('a million underscores at one address keep no sort and no search busy', () => {
		const count = 20_000;
		const names = new Uint8Array(16 << 20).fill(0x5f);
		const raw: RawSymbols = {
			count,
			starts: new Float64Array(count).fill(0x1000),
			sizes: new Float64Array(count).fill(16),
			nameAt: Uint32Array.from({ length: count }, (_, index) => index + 1),
			rank: new Uint8Array(count),
			names,
		};
		const table = new SymbolTable(raw);
		for (let round = 0; round < 20_000; round++) expect(table.find(0x1008)?.name.length).toBe(4096);
	});

	test('20,000 damaged files end in an answer or an ElfError', () => {
		const random = generator(7);
		const whole = program();
		let refused = 0;
		for (let round = 0; round < 20_000; round++) {
			const file = Uint8Array.from(whole.subarray(0, random() < 0.2 ? Math.floor(random() * whole.length) : undefined));
			for (let change = 0; change < 1 + random() * 8 && file.length > 0; change++)
				file[Math.floor(random() * file.length)] = random() < 0.3 ? 0xff : Math.floor(random() * 256);
			// the part that says it is an ELF file stays, or nothing else would be tried
			if (random() < 0.9) file.set(whole.subarray(0, Math.min(7, file.length)));
			try {
				const elf = new Elf(new MemoryBytes(file));
				elf.buildId();
				const raw = elf.symbols('.symtab');
				if (raw) new SymbolTable(raw).find(0x1000);
				elf.addressOf(random() * 1e6);
			} catch (error) {
				expect(error).toBeInstanceOf(ElfError);
				refused++;
			}
		}
		expect(refused).toBeGreaterThan(1000);
	});
});

describe('compressed symbols', () => {
	const xz = (data: Uint8Array, ...options: string[]) =>
		execFileSync('xz', ['-c', ...options], { input: data, maxBuffer: 1 << 28 });
	const MIB = 1 << 20;

	test('what xz compressed comes back', async () => {
		const data = Buffer.concat(Array.from({ length: 300 }, () => Buffer.from(program())));
		for (const options of [[], ['-9'], ['--check=crc32'], ['--check=none']])
			expect(Buffer.compare(await decompressXz(xz(data, ...options), 4 * MIB), data)).toBe(0);
		// filters for code, which no table of symbols has
		await expect(decompressXz(xz(data, '--x86', '--lzma2=preset=1'), MIB)).rejects.toThrow(ElfError);
	});

	test('data that expands to more than is read is refused, and the next is read', async () => {
		const bomb = xz(Buffer.alloc(16 * MIB), '-1');
		expect(bomb.length).toBeLessThan(100_000);
		await expect(decompressXz(bomb, 2 * MIB)).rejects.toThrow(/expands to more/);
		// one that says to need 4 GiB: byte of the first filter, and the sum of its header
		const greedy = xz(Buffer.from('abc'));
		greedy[16] = 40;
		const end = 12 + ((greedy[12] as number) + 1) * 4 - 4;
		greedy.writeUInt32LE(crc32(greedy.subarray(12, end)), end);
		await expect(decompressXz(greedy, MIB)).rejects.toThrow(ElfError);
		expect(Buffer.from(await decompressXz(xz(Buffer.from('abc')), MIB)).toString()).toBe('abc');
	});

	test('600 damaged tables end in symbols or an ElfError', async () => {
		const random = generator(11);
		const whole = xz(program(Array.from({ length: 200 }, (_, at) => `function_${at}`)));
		let refused = 0;
		for (let round = 0; round < 600; round++) {
			const packed = Uint8Array.from(
				whole.subarray(0, random() < 0.3 ? Math.floor(random() * whole.length) : undefined),
			);
			for (let change = 0; change < 1 + random() * 4 && packed.length > 0; change++)
				packed[Math.floor(random() * packed.length)] = Math.floor(random() * 256);
			try {
				tableIn(new MemoryBytes(await decompressXz(packed, MIB)))?.find(0x1000);
			} catch (error) {
				expect(error).toBeInstanceOf(ElfError);
				refused++;
			}
		}
		expect(refused).toBeGreaterThan(400);
	});
});

test('kernel symbols: signed addresses, modules, no data; hidden addresses are none', () => {
	const text = [
		'ffffffff81000000 T _stext',
		'ffffffff81000100 t helper',
		'ffffffff82000000 D data',
		'ffffffffc0001000 t in_module\t[mod]',
		'',
	].join('\n');
	const table = parseKallsyms(new TextEncoder().encode(text));
	const address = (low: number) => low - 2 ** 32;
	expect(nameAt(table, address(0x81000010))).toBe('_stext');
	expect(nameAt(table, address(0x81000100))).toBe('helper');
	expect(nameAt(table, address(0xc0001234))).toBe('in_module');
	expect(table?.count).toBe(3);
	expect(parseKallsyms(new TextEncoder().encode('0000000000000000 T _stext\n'))).toBeUndefined();
});

test('names of this kernel are those of /proc/kallsyms', () => {
	const lines = readFileSync('/proc/kallsyms', 'latin1').split('\n');
	const table = parseKallsyms(readFileSync('/proc/kallsyms'));
	// an unprivileged reader sees zeros
	if (!table) return expect(lines[0]).toMatch(/^0{16}/);
	const line = lines.find((one) => / T schedule$/.test(one)) ?? '';
	expect(line).not.toBe('');
	expect(nameAt(table, Number(BigInt.asIntN(64, BigInt(`0x${line.slice(0, 16)}`))))).toBe('schedule');
});

test('mappings: executable ones only, and the one of an address', () => {
	const text = [
		'55d0c0000000-55d0c0001000 r--p 00000000 fe:01 42 /bin/a b',
		'55d0c0001000-55d0c0003000 r-xp 00001000 fe:01 42 /bin/a b (deleted)',
		'7f0000000000-7f0000001000 r-xp 00000000 00:00 0 [vdso]',
		'nonsense',
	].join('\n');
	const mappings = parseMaps(text);
	expect(mappings.map(({ path }) => path)).toEqual(['/bin/a b (deleted)', '[vdso]']);
	expect(mappingAt(mappings, 0x55d0c0002fff)?.offset).toBe(0x1000);
	expect(mappingAt(mappings, 0x55d0c0003000)).toBeUndefined();
	expect(mappingAt(mappings, 1)).toBeUndefined();
	// programs at fixed addresses: map_files has no leading zeros
	const [fixed] = parseMaps('00400000-0045a000 r-xp 00000000 fe:00 7 /bin/fixed');
	expect(fixed?.range).toBe('400000-45a000');
});

describe('perf maps', () => {
	const map = (text: string, cut = false) => new PerfMap(new TextEncoder().encode(text), cut);

	test('the newest line wins where addresses were used again', () => {
		const jit = map('1000 100 old\n2000 10 other\n1000 80 new\n0x3000 0x20 with prefix\n');
		expect(nameAt(jit as never, 0x1010)).toBe('new');
		// beyond the new one, the old one is still there
		expect(nameAt(jit as never, 0x10f0)).toBe('old');
		expect(nameAt(jit as never, 0x3010)).toBe('with prefix');
		expect(nameAt(jit as never, 0x2010)).toBeUndefined();
	});

	test('of more lines than are kept, the newest are', () => {
		const line = (at: number) => `${(0x1000 + at * 16).toString(16)} 10 f${at}\n`;
		const jit = new PerfMap(Buffer.from(Array.from({ length: 1100 }, (_, at) => line(at)).join('')), false, 1000);
		expect(jit.count).toBe(1000);
		expect(nameAt(jit as never, 0x1000 + 1099 * 16)).toBe('f1099');
		expect(nameAt(jit as never, 0x1000)).toBeUndefined();
	});

	test('of a map of 1 GiB, its end is read, and again only when it has changed', () => {
		const path = `/tmp/perf-${process.pid}.map`;
		rmSync(path, { force: true });
		const fd = openSync(path, 'wx', 0o600);
		try {
			ftruncateSync(fd, 2 ** 30);
			writeSync(fd, '\n7f0000001000 20 newest\n', 2 ** 30);
			const read = readPerfMap('/proc', process.pid);
			expect(read?.map.cut).toBe(true);
			expect(read?.map.bytes).toBeLessThan(65 << 20);
			expect(nameAt(read?.map as never, 0x7f0000001010)).toBe('newest');
			expect(readPerfMap('/proc', process.pid, read)).toBe(read);
			writeSync(fd, '7f0000001000 20 newer\n', 2 ** 30 + 24);
			expect(nameAt(readPerfMap('/proc', process.pid, read)?.map as never, 0x7f0000001010)).toBe('newer');
		} finally {
			closeSync(fd);
			rmSync(path, { force: true });
		}
	});

	test('lines of other form, half lines and overlong names do no harm', () => {
		const jit = map(`half line\n1000 10 ${'n'.repeat(100_000)}\nzz 10 x\n10\n\n1000\nffffffffffffffffffff 1 y\n`, true);
		expect(jit.count).toBe(1);
		expect(jit.find(0x1001)?.name.length).toBe(512);
	});
});

describe('demangling', () => {
	beforeAll(() => loadDemangler());

	test.each([
		['_ZN3foo3barEv', 'foo::bar()'],
		['_ZNSt6vectorIiSaIiEE9push_backERKi', 'std::vector<int, std::allocator<int> >::push_back(int const&)'],
		['_ZN4core3fmt5write17h0123456789abcdefE', 'core::fmt::write'],
		['_RNvC6_123foo3bar', '123foo::bar'],
		['plain_c', 'plain_c'],
		['_Z', '_Z'],
	])('%s', (mangled, name) => {
		expect(demangle(mangled)).toBe(name);
	});

	test('hostile names come back within limits', () => {
		const random = generator(3);
		for (let round = 0; round < 3000; round++) {
			const tail = Array.from({ length: 1 + Math.floor(random() * 900) }, () =>
				String.fromCharCode(33 + Math.floor(random() * 90)),
			).join('');
			expect(demangle(`_Z${tail}`).length).toBeLessThanOrEqual(512);
		}
		expect(demangle(`_Z${'N'.repeat(1000)}`).length).toBeLessThanOrEqual(512);
		// it still works
		expect(demangle('_ZN3foo3barEv')).toBe('foo::bar()');
	});
});
