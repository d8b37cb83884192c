/** Unwinding tables: of real files beside readelf, of invented ones, and damaged ones. */
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, fstatSync, openSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { evaluate } from '../../src/symbols/dwarf-expression.ts';
import { UnwindTable } from '../../src/symbols/eh-frame.ts';
import { Elf, FileBytes } from '../../src/symbols/elf.ts';
import { canUnwind, Unwinder } from '../../src/symbols/unwind.ts';
import { generator as random } from '../lib/random.ts';

const LIBC = '/lib/x86_64-linux-gnu/libc.so.6';

/** `.eh_frame` of a file. */
function sectionOf(path: string): { bytes: Uint8Array; address: number } {
	const fd = openSync(path, 'r');
	try {
		const elf = new Elf(new FileBytes(fd, fstatSync(fd).size));
		const section = elf.section('.eh_frame');
		if (!section) throw new Error(`${path} has no .eh_frame`);
		return { bytes: elf.contents(section) as Uint8Array, address: section.address };
	} finally {
		closeSync(fd);
	}
}

/** A table by hand: one function at 0x1000, 64 bytes. */
function invented(instructions: readonly number[], augmentation = 'zR'): UnwindTable {
	const common = Buffer.from([
		...[0, 0, 0, 0, 1, ...Buffer.from(augmentation), 0, 1, 0x78, 16, 1, 0x03],
		// CFA = rsp + 8, return address at CFA − 8
		...[0x0c, 7, 8, 0x90, 1],
	]);
	const entry = Buffer.alloc(13);
	entry.writeUInt32LE(4 + common.length + 4, 0);
	entry.writeUInt32LE(0x1000, 4);
	entry.writeUInt32LE(64, 8);
	const parts = [common, Buffer.concat([entry, Buffer.from(instructions)])].flatMap((body) => {
		const length = Buffer.alloc(4);
		length.writeUInt32LE(body.length);
		return [length, body];
	});
	return new UnwindTable(Buffer.concat(parts), 0x9000);
}

describe('tables', () => {
	// readelf -wF: `loc CFA rbx rbp … ra`, a line for each row of each function
	test('of libc: the rows that readelf prints', ({ skip }) => {
		skip(!existsSync(LIBC), `no ${LIBC}: another distribution or architecture`);
		const { bytes, address } = sectionOf(LIBC);
		const table = new UnwindTable(bytes, address);
		const { stdout: text } = spawnSync('readelf', ['-wF', LIBC], { encoding: 'latin1', maxBuffer: 1 << 28 });
		let names: string[] = [];
		let rows = 0;
		const numbers: Record<string, number> = { rbx: 3, rbp: 6, rsp: 7, r12: 12, r13: 13, r14: 14, r15: 15, ra: 16 };
		const wrong: string[] = [];
		for (const line of text.split('\n')) {
			if (line.includes('LOC')) {
				names = line.trim().split(/\s+/);
				continue;
			}
			const found = /^([0-9a-f]{16}) (\S+)\s+(.*)$/.exec(line);
			// longjmp and the like, whose rules readelf prints in two words
			if (!found || names.length === 0 || /rdi|\(r/.test(line)) continue;
			const at = Number.parseInt(found[1] as string, 16);
			const values = [found[2] as string, ...(found[3] as string).trim().split(/\s+/)];
			const row = table.rowAt(at);
			if (!row) continue;
			rows++;
			for (const [index, value] of values.entries()) {
				const name = (names[index + 1] ?? '').toLowerCase();
				let ours: string;
				if (name === 'cfa') {
					const { cfa } = row;
					if ('expression' in cfa) ours = 'exp';
					else {
						const register =
							Object.entries(numbers).find(([, number]) => number === cfa.register)?.[0] ?? `r${cfa.register}`;
						ours = `${register}${cfa.offset < 0 ? '' : '+'}${cfa.offset}`;
					}
				} else {
					const number = numbers[name];
					if (number === undefined) continue;
					const rule = row.registers.get(number);
					ours =
						rule === undefined
							? 'u'
							: rule.kind === 'saved'
								? `c${rule.offset < 0 ? '' : '+'}${rule.offset}`
								: rule.kind === 'undefined'
									? 'u'
									: rule.kind === 'saved at'
										? 'exp'
										: rule.kind;
				}
				const theirs = value === 's' ? 'u' : value;
				if (ours !== theirs && !/^(r10|rcx|rdx)/.test(theirs))
					wrong.push(`${found[1]} ${name}: ${ours}, not ${theirs}`);
			}
		}
		expect(rows).toBeGreaterThan(10_000);
		expect(wrong.slice(0, 5)).toEqual([]);
	});

	test('of an invented function: rules before and after an instruction', () => {
		// at +4: CFA = rsp + 16, rbp at CFA − 16; at +8 remembered, then back
		const table = invented([0x44, 0x0e, 16, 0x86, 2, 0x0a, 0x44, 0x0e, 32, 0x44, 0x0b]);
		expect(table.count).toBe(1);
		expect(table.rowAt(0xfff)).toBeUndefined();
		expect(table.rowAt(0x1040)).toBeUndefined();
		expect(table.rowAt(0x1003)?.cfa).toEqual({ register: 7, offset: 8 });
		expect(table.rowAt(0x1004)?.cfa).toEqual({ register: 7, offset: 16 });
		expect(table.rowAt(0x1004)?.registers.get(6)).toEqual({ kind: 'saved', offset: -16 });
		expect(table.rowAt(0x1009)?.cfa).toEqual({ register: 7, offset: 32 });
		expect(table.rowAt(0x103f)?.cfa).toEqual({ register: 7, offset: 16 });
	});

	test('instructions that contradict each other give no row', () => {
		for (const bad of [
			[0x0b],
			[0x0e],
			[0x3f],
			[0x0f, 0x7f, 1],
			[0x07, 0xff, 0xff, 0x7f],
			[0x0c, ...Array(11).fill(0xff)],
		])
			expect(invented(bad).rowAt(0x1020)).toBeUndefined();
		expect(invented([], 'q').count).toBe(0);
	});

	test('a table that was made to be slow has no rows from some amount of work on', () => {
		// 90,000 times nothing, then the address of each question
		const table = invented([...Array.from({ length: 90_000 }, () => 0), 0x41]);
		const known = () => table.rowAt(0x1000) !== undefined;
		expect(known()).toBe(true);
		let rows = 0;
		// one address each, so that no answer is remembered
		for (let at = 0; at < 2000; at++) if (table.rowAt(0x1000 + at / 64) !== undefined) rows++;
		expect(rows).toBeGreaterThan(100);
		expect(rows).toBeLessThan(1000);
	});

	test('damaged tables end, with rows or without', () => {
		const { bytes, address } = sectionOf(process.execPath);
		const next = random(19);
		const part = bytes.subarray(0, 20_000);
		for (let round = 0; round < 300; round++) {
			const damaged = Uint8Array.from(part);
			for (let count = 0; count < 1 + round; count++)
				damaged[Math.floor(next() * damaged.length)] = Math.floor(next() * 256);
			const cut = damaged.subarray(0, round % 3 === 0 ? Math.floor(next() * damaged.length) : undefined);
			const table = new UnwindTable(cut, address);
			for (let question = 0; question < 20; question++) table.rowAt(address - Math.floor(next() * 1e7));
		}
		expect(new UnwindTable(new Uint8Array(0), 0).rowAt(0)).toBeUndefined();
	});
});

describe('expressions', () => {
	const context = {
		register: (number: number) => (number === 7 ? 0x7000 : number === 16 ? 0x101c : undefined),
		word: (address: number) => (address === 0x7008 ? 0x1234 : undefined),
	};

	test('of stubs of the linker, signal frames and arithmetic', () => {
		// rsp + 8 + ((rip & 15 >= 11) << 3)
		const stub = [0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22];
		expect(evaluate(Uint8Array.from(stub), context, [])).toBe(0x7010);
		expect(evaluate(Uint8Array.from([0x77, 8, 0x06]), context, [])).toBe(0x1234);
		expect(evaluate(Uint8Array.from([0x11, 0x78, 0x22]), context, [0x2000])).toBe(0x1ff8);
	});

	test('without end, without operands, with a division by 0, of what is not known', () => {
		for (const bad of [[0x2f, 0xfd, 0xff], [0x22], [0x30, 0x30, 0x1b], [0x76, 0], [0x2f, 0x7f, 0x7f], [], [0xff]])
			expect(evaluate(Uint8Array.from(bad), context, [])).toBeUndefined();
		const next = random(7);
		for (let round = 0; round < 5000; round++) {
			const bytes = Uint8Array.from({ length: 1 + Math.floor(next() * 30) }, () => Math.floor(next() * 256));
			evaluate(bytes, context, [1]);
		}
	});
});

test.runIf(canUnwind && process.arch === 'x64')(
	'a copied stack that lies: bounded, and no frame outside of code',
	() => {
		const table = invented([]);
		const next = random(3);
		const unwinder = new Unwinder((address) =>
			address >= 0x1000 && address < 0x1040 ? table.rowAt(address) : address < 0x3000 ? undefined : null,
		);
		for (let round = 0; round < 500; round++) {
			const registers = new DataView(new ArrayBuffer(33 * 8));
			const memory = new DataView(new ArrayBuffer(4096));
			for (let at = 0; at < 4096; at += 8) memory.setUint32(at, 0x1000 + Math.floor(next() * 0x3000), true);
			registers.setUint32(7 * 8, 0x8000, true);
			registers.setUint32(6 * 8, 0x8000 + Math.floor(next() * 600) * 8, true);
			registers.setUint32(16 * 8, 0x1010, true);
			const { frames } = unwinder.unwind({ registers, memory }, 127);
			expect(frames.length).toBeLessThanOrEqual(127);
			expect(frames.every((address) => address < 0x3002)).toBe(true);
		}
	},
);
