/** The kernel's code in every process, `[vdso]`: the same for all, so it is read from our own memory. */
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { Elf, FileBytes, MemoryBytes } from './elf.ts';
import { readMaps } from './mappings.ts';
import { Module, unwindTableOf } from './modules.ts';
import { SymbolTable } from './table.ts';

const MAX_BYTES = 1 << 20;

export function readVdso(procRoot: string): Module {
	let fd = -1;
	try {
		const mapping = readMaps(procRoot, process.pid).find(({ path }) => path === '[vdso]');
		if (!mapping || mapping.end - mapping.start > MAX_BYTES) return new Module('', undefined, [], 'no file');
		fd = openSync(join(procRoot, 'self/mem'), 'r');
		const bytes = new FileBytes(fd, Number.MAX_SAFE_INTEGER).read(mapping.start, mapping.end - mapping.start);
		const elf = new Elf(new MemoryBytes(bytes));
		const symbols = elf.symbols('.dynsym');
		return new Module(
			elf.buildId() ?? 'vdso',
			elf,
			symbols ? [new SymbolTable(symbols)] : [],
			undefined,
			unwindTableOf(elf),
		);
	} catch {
		return new Module('', undefined, [], 'not readable');
	} finally {
		if (fd >= 0) closeSync(fd);
	}
}
