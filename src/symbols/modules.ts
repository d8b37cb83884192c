/** Symbols of executables and libraries by build-id, read from the very file that is mapped. */

import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { readLatin1 } from '../lib/read-file.ts';
import { type UnwindRow, UnwindTable } from './eh-frame.ts';
import { Elf, FileBytes } from './elf.ts';
import { goTable } from './go.ts';
import type { LateSymbols } from './late.ts';
import type { Mapping } from './mappings.ts';
import { isBuildId, tableIn } from './symbol-file.ts';
import { type Found, SymbolTable } from './table.ts';

/** Bytes that the symbols of all modules may take; the ones used longest ago go first. */
const MAX_BYTES = 96 << 20;
/** Larger files are no programs. */
const MAX_FILE_BYTES = 4 * 2 ** 30;

/** Why a module has no names, in a few words. */
export type Missing = 'no file' | 'not readable' | 'no symbols' | 'not ELF' | 'on FUSE';

export class Module {
	/** Lower-case hexadecimal; empty: it has none. */
	readonly buildId: string;
	/** Tables in the order in which they are asked. */
	tables: readonly SymbolTable[];
	missing: Missing | undefined;
	private readonly elf: Elf | undefined;
	private readonly unwinding: UnwindTable | undefined;

	constructor(
		buildId: string,
		elf: Elf | undefined,
		tables: readonly SymbolTable[],
		missing?: Missing,
		unwinding?: UnwindTable,
	) {
		this.buildId = buildId;
		this.elf = elf;
		this.tables = tables;
		this.missing = missing;
		this.unwinding = unwinding;
	}

	get bytes(): number {
		return 1024 + (this.unwinding?.bytes ?? 0) + this.tables.reduce((sum, table) => sum + table.bytes, 0);
	}

	/** A better table came later: it is asked first. */
	adopt(table: SymbolTable): void {
		this.tables = [table, ...this.tables];
		this.missing = undefined;
	}

	/** The symbol at a byte of the file. */
	find(offset: number): Found | undefined {
		const address = this.elf?.addressOf(offset);
		if (address === undefined) return undefined;
		for (const table of this.tables) {
			const found = table.find(address);
			if (found) return found;
		}
		return undefined;
	}

	/** It is an ELF file. */
	get isProgram(): boolean {
		return this.elf !== undefined;
	}

	/** How the instruction at a byte of the file is unwound; undefined: the file does not say. */
	unwindRow(offset: number): UnwindRow | undefined {
		const address = this.unwinding && this.elf?.addressOf(offset);
		return address === undefined ? undefined : this.unwinding?.rowAt(address);
	}

	/** Is it the code that a program begins with, which the first stack frame of a process is in? */
	isEntry(offset: number): boolean {
		const address = this.elf?.addressOf(offset);
		const entry = this.elf?.entry ?? 0;
		return address !== undefined && entry !== 0 && address >= entry && address < entry + 64;
	}
}

/** Largest `.eh_frame`; that of Chromium has 20 MB. */
const MAX_UNWIND_BYTES = 48 << 20;

/** The tables by which the code of a file is unwound; undefined: it has none, or is a 32-bit program. */
export function unwindTableOf(elf: Elf): UnwindTable | undefined {
	const section = elf.wide ? elf.section('.eh_frame') : undefined;
	const bytes = section && elf.contents(section, MAX_UNWIND_BYTES);
	return section && bytes && new UnwindTable(bytes, section.address);
}

/** Separate debug information, installed by the administrator. */
const DEBUG_ROOT = '/usr/lib/debug/.build-id';

/** Bytes of a regular file. Never waits: pipes and devices are refused. */
function openFile(path: string, flags = 0): { fd: number; size: number; key: string } | undefined {
	let fd: number;
	try {
		fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | flags);
	} catch {
		return undefined;
	}
	const stat = fstatSync(fd);
	if (!stat.isFile() || stat.size > MAX_FILE_BYTES) {
		closeSync(fd);
		return undefined;
	}
	return { fd, size: stat.size, key: `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeMs}` };
}

function debugTables(buildId: string): SymbolTable[] {
	if (!isBuildId(buildId)) return [];
	const file = openFile(join(DEBUG_ROOT, buildId.slice(0, 2), `${buildId.slice(2)}.debug`));
	if (!file) return [];
	try {
		const table = tableIn(new FileBytes(file.fd, file.size), buildId);
		return table ? [table] : [];
	} catch {
		return [];
	} finally {
		closeSync(file.fd);
	}
}

/** Largest `.gnu_debugdata` that is decompressed. */
const MAX_PACKED_BYTES = 16 << 20;

/** A module, and what else may have its names. */
interface ReadModule {
	module: Module;
	/** Its names are those that it exports: there may be better ones. */
	poor: boolean;
	/** Its `.gnu_debugdata`. */
	packed?: Uint8Array | undefined;
}

function readModule(fd: number, size: number, unwinds: boolean): ReadModule {
	let elf: Elf;
	try {
		elf = new Elf(new FileBytes(fd, size));
	} catch {
		return { module: new Module('', undefined, [], 'not ELF'), poor: false };
	}
	try {
		const buildId = elf.buildId() ?? '';
		const own = elf.symbols('.symtab');
		const tables = own && own.count > 0 ? [new SymbolTable(own)] : debugTables(buildId);
		let poor = tables.length === 0;
		if (tables.length === 0) {
			const go = goTable(elf);
			if (go) tables.push(go);
			poor = !go;
			const exported = elf.symbols('.dynsym');
			if (exported && exported.count > 0) tables.push(new SymbolTable(exported));
		}
		const missing = tables.length === 0 ? 'no symbols' : undefined;
		const packed = poor ? elf.section('.gnu_debugdata') : undefined;
		return {
			module: new Module(buildId, elf, tables, missing, unwinds ? unwindTableOf(elf) : undefined),
			poor,
			packed: packed && elf.contents(packed, MAX_PACKED_BYTES),
		};
	} catch {
		return { module: new Module('', elf, [], 'not readable'), poor: false };
	}
}

/** Devices (`0:45`) of a process's file systems that are served by programs or other machines: reading may wait for ever. */
export function servedDevices(procRoot: string, pid: number): ReadonlySet<string> {
	const served = new Set<string>();
	try {
		for (const line of readLatin1(join(procRoot, String(pid), 'mountinfo')).split('\n')) {
			const [before = '', after = ''] = line.split(' - ');
			if (/^(fuse|9p|nfs|cifs|smb)/.test(after)) served.add(before.split(' ')[2] ?? '');
		}
	} catch {
		// gone
	}
	return served;
}

/** `fe:01` of maps as mountinfo has it, `254:1`. */
function decimalDevice(device: string): string {
	return device
		.split(':')
		.map((part) => Number.parseInt(part, 16))
		.join(':');
}

export class Modules {
	private readonly procRoot: string;
	/** By device, inode, size and time: what was read of a file. The one used last is last. */
	private readonly byFile = new Map<string, Module>();
	private readonly byBuildId = new Map<string, Module>();
	/** Modules that were dropped to stay within the limit. */
	dropped = 0;

	private readonly unwinds: boolean;
	private readonly late: LateSymbols;

	/** @param unwinds read the tables for unwinding, too */
	constructor(procRoot: string, unwinds: boolean, late: LateSymbols) {
		this.procRoot = procRoot;
		this.unwinds = unwinds;
		this.late = late;
	}

	/** Bytes that the symbols take. */
	get bytes(): number {
		let sum = 0;
		for (const module of this.byFile.values()) sum += module.bytes;
		return sum;
	}

	/**
	 * The module of a mapping of a process. The file is opened through map_files: the file that is mapped, also where its
	 * path names another one by now or is one of another mount namespace.
	 */
	of(pid: number, mapping: Mapping, served: ReadonlySet<string>): Module {
		if (served.has(decimalDevice(mapping.device))) return new Module('', undefined, [], 'on FUSE');
		const file = openFile(join(this.procRoot, String(pid), 'map_files', mapping.range));
		if (!file) return new Module('', undefined, [], 'no file');
		try {
			const known = this.byFile.get(file.key);
			if (known) {
				this.byFile.delete(file.key);
				this.byFile.set(file.key, known);
				return known;
			}
			const { module: read, poor, packed } = readModule(file.fd, file.size, this.unwinds);
			// the same build in another file: in a container's image, say
			const twin = read.buildId !== '' && read.missing === undefined ? this.byBuildId.get(read.buildId) : undefined;
			const module = twin ?? read;
			if (poor && !twin) this.late.add(module, packed);
			this.byFile.set(file.key, module);
			if (module.buildId !== '') this.byBuildId.set(module.buildId, module);
			this.makeRoom();
			return module;
		} finally {
			closeSync(file.fd);
		}
	}

	private makeRoom(): void {
		let bytes = this.bytes;
		for (const [key, module] of this.byFile) {
			if (bytes <= MAX_BYTES || this.byFile.size <= 1) return;
			this.byFile.delete(key);
			this.byBuildId.delete(module.buildId);
			bytes -= module.bytes;
			this.dropped++;
		}
	}
}
