/** Symbols of the kernel, its modules and BPF programs, from `/proc/kallsyms`. */
import { join } from 'node:path';
import { readBytes } from '../lib/read-file.ts';
import type { RawSymbols } from './elf.ts';
import { SymbolTable } from './table.ts';

const NEWLINE = 10;
const SPACE = 32;
const TAB = 9;

/**
 * Addresses are signed, as stacks have them: a double holds them exactly. Lines that are no code are left out (`data`: those that are). All zero
 * (kptr_restrict): undefined.
 */
export function parseKallsyms(text: Uint8Array, data = false): SymbolTable | undefined {
	let lines = 0;
	for (const byte of text) if (byte === NEWLINE) lines++;
	const raw: RawSymbols = {
		count: 0,
		starts: new Float64Array(lines),
		sizes: new Float64Array(lines),
		nameAt: new Uint32Array(lines),
		rank: new Uint8Array(lines),
		// names are cut out of the text itself: a 0 behind each
		names: text,
	};
	eachSymbol(text, data, (address, kind, nameAt, nameEnd) => {
		const index = raw.count++;
		raw.starts[index] = address;
		raw.nameAt[index] = nameAt;
		// T and t differ by being global
		raw.rank[index] = kind < 0x61 ? 2 : kind === 0x77 ? 1 : 0;
		text[nameEnd] = 0;
	});
	return raw.count > 0 ? new SymbolTable(raw) : undefined;
}

/**
 * Calls `visit` for each line of the text with code (`data`: without) that has an address. Addresses are signed, `kind` is the
 * letter, the name lies from `nameAt` up to `nameEnd`.
 */
export function eachSymbol(
	text: Uint8Array,
	data: boolean,
	visit: (address: number, kind: number, nameAt: number, nameEnd: number) => void,
): void {
	for (let at = 0; at < text.length; ) {
		let end = text.indexOf(NEWLINE, at);
		if (end < 0) end = text.length;
		// ffffffff81000000 T _text	[module]
		const kind = text[at + 17] as number;
		if (text[at + 16] === SPACE && isCode(kind) !== data) {
			const high = hex(text, at, 8);
			const address = (high >= 0x80000000 ? high - 4294967296 : high) * 4294967296 + hex(text, at + 8, 8);
			if (address !== 0) {
				const nameAt = at + 19;
				let nameEnd = nameAt;
				while (nameEnd < end && text[nameEnd] !== TAB) nameEnd++;
				visit(address, kind, nameAt, nameEnd);
			}
		}
		at = end + 1;
	}
}

/** t, T, w, W */
function isCode(kind: number): boolean {
	const lower = kind | 0x20;
	return lower === 0x74 || lower === 0x77;
}

function hex(bytes: Uint8Array, at: number, digits: number): number {
	let value = 0;
	for (let i = 0; i < digits; i++) {
		const byte = bytes[at + i] as number;
		value = value * 16 + (byte <= 0x39 ? byte - 0x30 : (byte | 0x20) - 0x57);
	}
	return value;
}

/** undefined: the kernel hides its addresses from this process (kptr_restrict), or has none. */
export function readKallsyms(procRoot: string, data = false): SymbolTable | undefined {
	try {
		return parseKallsyms(readBytes(join(procRoot, 'kallsyms')), data);
	} catch {
		return undefined;
	}
}
