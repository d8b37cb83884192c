/** Files that have nothing but symbols: debug information of a build. */
import { type ByteSource, Elf } from './elf.ts';
import { SymbolTable } from './table.ts';

/** Of an id that a path or an address may be made of. */
export function isBuildId(text: string): boolean {
	return /^[0-9a-f]{8,128}$/.test(text);
}

/**
 * Functions of a file of symbols; undefined: it has none, or is of another build than `buildId`, whose names would be wrong.
 * @throws {ElfError}
 */
export function tableIn(source: ByteSource, buildId?: string): SymbolTable | undefined {
	const elf = new Elf(source);
	if (buildId !== undefined && elf.buildId() !== buildId) return undefined;
	const symbols = elf.symbols('.symtab');
	return symbols && symbols.count > 0 ? new SymbolTable(symbols) : undefined;
}
