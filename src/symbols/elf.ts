/**
 * ELF files as far as symbols need them. The files belong to anybody: every offset and size is checked against the file
 * and against limits, and an inconsistent file is an {@link ElfError}, never more. Written in JavaScript for that reason: an
 * error in a parser in C would be an error of a process that runs as root.
 */
import { readSync } from 'node:fs';
import { viewOf } from '../lib/decode.ts';

/** The file is no ELF file, or contradicts itself, or exceeds a limit. */
export class ElfError extends Error {}

/** Bytes of a file or of memory. */
export interface ByteSource {
	readonly size: number;
	/** @throws {ElfError} where fewer bytes are there */
	read(offset: number, length: number): Uint8Array;
}

export class FileBytes implements ByteSource {
	readonly size: number;
	private readonly fd: number;

	constructor(fd: number, size: number) {
		this.fd = fd;
		this.size = size;
	}

	read(offset: number, length: number): Uint8Array {
		const bytes = new Uint8Array(length);
		for (let done = 0; done < length; ) {
			const more = readSync(this.fd, bytes, done, length - done, offset + done);
			if (more === 0) throw new ElfError('the file is shorter than it says');
			done += more;
		}
		return bytes;
	}
}

export class MemoryBytes implements ByteSource {
	readonly size: number;
	private readonly bytes: Uint8Array;

	constructor(bytes: Uint8Array) {
		this.bytes = bytes;
		this.size = bytes.length;
	}

	read(offset: number, length: number): Uint8Array {
		if (offset + length > this.size) throw new ElfError('the file is shorter than it says');
		return this.bytes.subarray(offset, offset + length);
	}
}

export interface Section {
	name: string;
	type: number;
	flags: number;
	address: number;
	offset: number;
	size: number;
	/** Index of the section of its names. */
	link: number;
}

/** A part of the file that is mapped. */
export interface Segment {
	offset: number;
	address: number;
	size: number;
	executable: boolean;
}

const MAX_SECTIONS = 4096;
const MAX_SEGMENTS = 1024;
/** Largest table that is read; Chromium's symbols take 60 MB. */
const MAX_TABLE_BYTES = 192 << 20;
const MAX_NOTE_BYTES = 64 << 10;
const MAX_SYMBOLS = 4_000_000;

const PT_LOAD = 1;
const PT_NOTE = 4;
const SHT_SYMTAB = 2;
const SHT_NOTE = 7;
const SHT_NOBITS = 8;
const SHT_DYNSYM = 11;
const PF_X = 1;
const NT_GNU_BUILD_ID = 3;
const STT_NOTYPE = 0;
const STT_FUNC = 2;
const STT_GNU_IFUNC = 10;
const SHF_EXECINSTR = 4;
const SHF_COMPRESSED = 0x800;

/** Symbols that have code, unsorted; `names` holds the names, each ended by 0. */
export interface RawSymbols {
	count: number;
	starts: Float64Array;
	sizes: Float64Array;
	nameAt: Uint32Array;
	/** Of equal symbols the higher is the better name: 2 global, 1 weak, 0 local. */
	rank: Uint8Array;
	names: Uint8Array;
}

/** An u64 of the file as a double. Values beyond 2^53 are no offset or address of a program. */
function word(view: DataView, at: number): number {
	return view.getUint32(at, true) + view.getUint32(at + 4, true) * 4294967296;
}

export class Elf {
	readonly segments: readonly Segment[];
	readonly sections: readonly Section[];
	/** Address of the first instruction; 0: none. */
	readonly entry: number;
	private readonly source: ByteSource;
	/** 64 bits. */
	readonly wide: boolean;

	/** @throws {ElfError} */
	constructor(source: ByteSource) {
		this.source = source;
		if (source.size < 52) throw new ElfError('not an ELF file');
		const head = viewOf(source.read(0, Math.min(64, source.size)));
		if (head.getUint32(0, false) !== 0x7f454c46) throw new ElfError('not an ELF file');
		if (head.getUint8(5) !== 1) throw new ElfError('not little-endian');
		const wide = head.getUint8(4) === 2;
		this.wide = wide;
		if (wide && head.byteLength < 64) throw new ElfError('not an ELF file');
		const at = (narrow: number, broad: number) => (wide ? word(head, broad) : head.getUint32(narrow, true));
		const half = (narrow: number, broad: number) => head.getUint16(wide ? broad : narrow, true);
		this.entry = at(24, 24);
		this.segments = this.readSegments(at(28, 32), half(42, 54), half(44, 56));
		this.sections = this.readSections(at(32, 40), half(46, 58), half(48, 60), half(50, 62));
	}

	/** Lower-case hexadecimal; undefined: it has none. */
	buildId(): string | undefined {
		for (const { type, offset, size } of this.notes) {
			if (type !== PT_NOTE || size > MAX_NOTE_BYTES) continue;
			const id = this.noteIn(this.bytes(offset, size));
			if (id !== undefined) return id;
		}
		return undefined;
	}

	section(name: string): Section | undefined {
		return this.sections.find((one) => one.name === name);
	}

	/** Contents; undefined: it has none, is compressed, or is too large. */
	contents(section: Section, limit = MAX_TABLE_BYTES): Uint8Array | undefined {
		if (section.type === SHT_NOBITS || section.flags & SHF_COMPRESSED || section.size > limit) return undefined;
		return this.bytes(section.offset, section.size);
	}

	/** Symbols of `.symtab`, or of `.dynsym`. undefined: there is no such table. */
	symbols(which: '.symtab' | '.dynsym'): RawSymbols | undefined {
		const type = which === '.symtab' ? SHT_SYMTAB : SHT_DYNSYM;
		const table = this.sections.find((section) => section.type === type);
		const strings = table && this.sections[table.link];
		if (!table || !strings) return undefined;
		const bytes = this.contents(table);
		const names = this.contents(strings);
		if (!bytes || !names) return undefined;
		return this.readSymbols(viewOf(bytes), names);
	}

	/** Address in the file's own numbering of a byte of the file; undefined: it is not mapped. */
	addressOf(offset: number): number | undefined {
		const segment =
			this.segments.find((one) => one.executable && offset >= one.offset && offset < one.offset + one.size) ??
			this.segments.find((one) => offset >= one.offset && offset < one.offset + one.size);
		return segment && offset - segment.offset + segment.address;
	}

	private notes: { type: number; offset: number; size: number }[] = [];

	private bytes(offset: number, length: number): Uint8Array {
		if (offset + length > this.source.size) throw new ElfError('a table lies beyond the end of the file');
		if (length > MAX_TABLE_BYTES) throw new ElfError('a table is too large');
		return this.source.read(offset, length);
	}

	private readSegments(offset: number, entry: number, count: number): Segment[] {
		if (offset === 0 || count === 0) return [];
		if (count > MAX_SEGMENTS || entry < (this.wide ? 56 : 32)) throw new ElfError('too many program headers');
		const view = viewOf(this.bytes(offset, entry * count));
		const segments: Segment[] = [];
		for (let i = 0; i < count; i++) {
			const at = i * entry;
			const type = view.getUint32(at, true);
			const [where, address, size, flags] = this.wide
				? [word(view, at + 8), word(view, at + 16), word(view, at + 32), view.getUint32(at + 4, true)]
				: [
						view.getUint32(at + 4, true),
						view.getUint32(at + 8, true),
						view.getUint32(at + 16, true),
						view.getUint32(at + 24, true),
					];
			if (type === PT_LOAD) segments.push({ offset: where, address, size, executable: (flags & PF_X) !== 0 });
			if (type === PT_NOTE) this.notes.push({ type, offset: where, size });
		}
		return segments;
	}

	private readSections(offset: number, entry: number, count: number, namesIndex: number): Section[] {
		if (offset === 0 || count === 0) return [];
		if (count > MAX_SECTIONS || entry < (this.wide ? 64 : 40)) throw new ElfError('too many sections');
		const view = viewOf(this.bytes(offset, entry * count));
		const sections: (Section & { nameAt: number })[] = [];
		for (let i = 0; i < count; i++) {
			const at = i * entry;
			const number = (narrow: number, broad: number) =>
				this.wide ? word(view, at + broad) : view.getUint32(at + narrow, true);
			sections.push({
				name: '',
				nameAt: view.getUint32(at, true),
				type: view.getUint32(at + 4, true),
				flags: number(8, 8),
				address: number(12, 16),
				offset: number(16, 24),
				size: number(20, 32),
				link: view.getUint32(at + (this.wide ? 40 : 24), true),
			});
		}
		const strings = sections[namesIndex];
		const names = strings && strings.size <= 1 << 20 ? this.bytes(strings.offset, strings.size) : new Uint8Array();
		for (const section of sections) section.name = stringAt(names, section.nameAt, 64);
		for (const { type, offset: where, size } of sections)
			if (type === SHT_NOTE) this.notes.push({ type: PT_NOTE, offset: where, size });
		return sections;
	}

	private readSymbols(view: DataView, names: Uint8Array): RawSymbols {
		const entry = this.wide ? 24 : 16;
		const total = Math.min(MAX_SYMBOLS, Math.floor(view.byteLength / entry));
		const code = this.sections.map(({ flags }) => (flags & SHF_EXECINSTR) !== 0);
		const starts = new Float64Array(total);
		const sizes = new Float64Array(total);
		const nameAt = new Uint32Array(total);
		const rank = new Uint8Array(total);
		let count = 0;
		for (let i = 0; i < total; i++) {
			const at = i * entry;
			const info = view.getUint8(at + (this.wide ? 4 : 12));
			const kind = info & 15;
			if (kind !== STT_FUNC && kind !== STT_GNU_IFUNC && kind !== STT_NOTYPE) continue;
			const index = view.getUint16(at + (this.wide ? 6 : 14), true);
			// undefined symbols, constants, data
			if (index === 0 || !code[index]) continue;
			const name = view.getUint32(at, true);
			// without a name; `$x` and the like mark kinds of code on ARM
			if (name === 0 || name >= names.length || names[name] === 0 || names[name] === 0x24) continue;
			starts[count] = this.wide ? word(view, at + 8) : view.getUint32(at + 4, true);
			sizes[count] = this.wide ? word(view, at + 16) : view.getUint32(at + 8, true);
			nameAt[count] = name;
			const binding = info >> 4;
			rank[count] = (binding === 1 ? 2 : binding === 2 ? 1 : 0) + (kind === STT_NOTYPE ? 0 : 4);
			count++;
		}
		return { count, starts, sizes, nameAt, rank, names };
	}

	private noteIn(bytes: Uint8Array): string | undefined {
		const view = viewOf(bytes);
		for (let at = 0; at + 12 <= bytes.length; ) {
			const [nameSize, size, type] = [0, 4, 8].map((more) => view.getUint32(at + more, true)) as [
				number,
				number,
				number,
			];
			const data = at + 12 + ((nameSize + 3) & ~3);
			if (nameSize > bytes.length || size > bytes.length || data + size > bytes.length) return undefined;
			const gnu = nameSize === 4 && stringAt(bytes, at + 12, 4) === 'GNU';
			if (gnu && type === NT_GNU_BUILD_ID && size >= 4 && size <= 64)
				return Buffer.from(bytes.subarray(data, data + size)).toString('hex');
			at = data + ((size + 3) & ~3);
		}
		return undefined;
	}
}

/** A name that ends with 0, at most `limit` bytes of it. */
function stringAt(bytes: Uint8Array, at: number, limit: number): string {
	if (at >= bytes.length) return '';
	const end = bytes.indexOf(0, at);
	return Buffer.from(bytes.subarray(at, Math.min(end < 0 ? bytes.length : end, at + limit))).toString('latin1');
}
