/** Function names of Go programs from their own table (`.gopclntab`), which stays in stripped programs. */
import { viewOf } from '../lib/decode.ts';
import type { Elf, RawSymbols } from './elf.ts';
import { SymbolTable } from './table.ts';

const MAGIC_1_18 = 0xfffffff0;
const MAGIC_1_20 = 0xfffffff1;
const MAX_FUNCTIONS = 2_000_000;

/** undefined: no Go program, or one built by a Go older than 1.18. */
export function goTable(elf: Elf): SymbolTable | undefined {
	const section = elf.section('.gopclntab') ?? elf.section('.data.rel.ro.gopclntab');
	const bytes = section && elf.contents(section);
	const text = elf.section('.text');
	if (!bytes || !text || bytes.length < 72) return undefined;
	const view = viewOf(bytes);
	const magic = view.getUint32(0, true);
	const pointer = view.getUint8(7);
	if ((magic !== MAGIC_1_18 && magic !== MAGIC_1_20) || (pointer !== 8 && pointer !== 4)) return undefined;
	const word = (index: number): number => {
		const at = 8 + index * pointer;
		return pointer === 8
			? view.getUint32(at, true) + view.getUint32(at + 4, true) * 4294967296
			: view.getUint32(at, true);
	};
	const count = word(0);
	// since 1.24 the table leaves this 0 for the linker's relocation
	const textStart = word(2) || text.address;
	const names = word(3);
	const functions = word(7);
	if (count > MAX_FUNCTIONS || names >= bytes.length || functions + count * 8 + 4 > bytes.length) return undefined;
	const raw: RawSymbols = {
		count: 0,
		starts: new Float64Array(count),
		sizes: new Float64Array(count),
		nameAt: new Uint32Array(count),
		rank: new Uint8Array(count),
		names: bytes,
	};
	for (let i = 0; i < count; i++) {
		const at = functions + i * 8;
		const entry = view.getUint32(at, true);
		const record = functions + view.getUint32(at + 4, true);
		if (record + 8 > bytes.length) continue;
		const name = names + view.getInt32(record + 4, true);
		if (name < names || name >= bytes.length) continue;
		const index = raw.count++;
		raw.starts[index] = textStart + entry;
		raw.sizes[index] = Math.max(0, view.getUint32(at + 8, true) - entry);
		raw.nameAt[index] = name;
	}
	return raw.count > 0 ? new SymbolTable(raw) : undefined;
}
