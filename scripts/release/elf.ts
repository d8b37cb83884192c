/** Dynamic linking facts of an ELF file: 64 bit, little-endian, with section headers. Stands in for readelf. */
import { readFileSync } from 'node:fs';

export interface DynamicSymbol {
	name: string;
	/** False: another file has to define it. */
	defined: boolean;
	weak: boolean;
	/** Version it is bound to, such as `GLIBC_2.17`; missing: none. */
	version?: string;
	/** Of several versions of one name, the one that a linker takes. */
	isDefault: boolean;
	/** A variable. */
	isObject: boolean;
	/** Bytes. */
	size: number;
}

export interface Elf {
	/** `e_machine`: 62 is x86-64, 183 is arm64. */
	machine: number;
	/** Path of the program interpreter; missing: none. */
	interpreter?: string;
	soname?: string;
	/** Names of the libraries that it asks for (DT_NEEDED). */
	needed: string[];
	symbols: DynamicSymbol[];
}

interface Section {
	name: string;
	type: number;
	offset: number;
	size: number;
	link: number;
}

const DYNAMIC = 6;
const DYNSYM = 11;
const VERDEF = 0x6ffffffd;
const VERNEED = 0x6ffffffe;
const VERSYM = 0x6fffffff;
const PT_INTERP = 3;
const DT_NEEDED = 1;
const DT_SONAME = 14;
const TYPE_OBJECT = 1;
const WEAK = 2;

export function readElf(path: string): Elf {
	const bytes = readFileSync(path);
	if (bytes.readUInt32BE(0) !== 0x7f454c46 || bytes[4] !== 2 || bytes[5] !== 1)
		throw new Error(`${path}: not a 64-bit little-endian ELF file`);
	return new Reader(bytes).read();
}

class Reader {
	private readonly bytes: Buffer;
	private readonly sections: Section[];

	constructor(bytes: Buffer) {
		this.bytes = bytes;
		const at = this.u64(0x28);
		const size = bytes.readUInt16LE(0x3a);
		const count = bytes.readUInt16LE(0x3c);
		const raw = Array.from({ length: count }, (_, index) => {
			const header = at + index * size;
			return {
				nameAt: bytes.readUInt32LE(header),
				type: bytes.readUInt32LE(header + 4),
				offset: this.u64(header + 0x18),
				size: this.u64(header + 0x20),
				link: bytes.readUInt32LE(header + 0x28),
			};
		});
		const names = raw[bytes.readUInt16LE(0x3e)]?.offset ?? 0;
		this.sections = raw.map(({ nameAt, ...section }) => ({ name: this.text(names + nameAt), ...section }));
	}

	read(): Elf {
		const dynamic = this.dynamic();
		const interpreter = this.interpreter();
		const soname = dynamic.find(({ tag }) => tag === DT_SONAME)?.text;
		return {
			machine: this.bytes.readUInt16LE(0x12),
			...(interpreter !== undefined && { interpreter }),
			...(soname !== undefined && { soname }),
			needed: dynamic.filter(({ tag }) => tag === DT_NEEDED).map(({ text }) => text),
			symbols: this.symbols(),
		};
	}

	private u64(at: number): number {
		return Number(this.bytes.readBigUInt64LE(at));
	}

	private text(at: number): string {
		return this.bytes.toString('latin1', at, this.bytes.indexOf(0, at));
	}

	private find(type: number): Section | undefined {
		return this.sections.find((section) => section.type === type);
	}

	private interpreter(): string | undefined {
		const at = this.u64(0x20);
		const size = this.bytes.readUInt16LE(0x36);
		for (let index = 0; index < this.bytes.readUInt16LE(0x38); index++) {
			if (this.bytes.readUInt32LE(at + index * size) === PT_INTERP) return this.text(this.u64(at + index * size + 8));
		}
		return undefined;
	}

	private dynamic(): { tag: number; text: string }[] {
		const section = this.find(DYNAMIC);
		if (!section) return [];
		const strings = this.sections[section.link]?.offset ?? 0;
		const entries = [];
		for (let at = section.offset; at < section.offset + section.size; at += 16) {
			const tag = this.u64(at);
			if (tag === DT_NEEDED || tag === DT_SONAME) entries.push({ tag, text: this.text(strings + this.u64(at + 8)) });
		}
		return entries;
	}

	/** Version names by their index in the table of versions. */
	private versions(): Map<number, string> {
		const names = new Map<number, string>();
		const needs = this.find(VERNEED);
		if (needs) {
			const strings = this.sections[needs.link]?.offset ?? 0;
			for (let at = needs.offset, more = true; more; ) {
				for (let entry = at + this.bytes.readUInt32LE(at + 8), further = true; further; ) {
					names.set(this.bytes.readUInt16LE(entry + 6), this.text(strings + this.bytes.readUInt32LE(entry + 8)));
					further = this.bytes.readUInt32LE(entry + 12) !== 0;
					entry += this.bytes.readUInt32LE(entry + 12);
				}
				more = this.bytes.readUInt32LE(at + 12) !== 0;
				at += this.bytes.readUInt32LE(at + 12);
			}
		}
		const definitions = this.find(VERDEF);
		if (definitions) {
			const strings = this.sections[definitions.link]?.offset ?? 0;
			for (let at = definitions.offset, more = true; more; ) {
				const name = this.bytes.readUInt32LE(at + this.bytes.readUInt32LE(at + 12));
				names.set(this.bytes.readUInt16LE(at + 4), this.text(strings + name));
				more = this.bytes.readUInt32LE(at + 16) !== 0;
				at += this.bytes.readUInt32LE(at + 16);
			}
		}
		return names;
	}

	private symbols(): DynamicSymbol[] {
		const section = this.find(DYNSYM);
		if (!section) return [];
		const strings = this.sections[section.link]?.offset ?? 0;
		const indexes = this.find(VERSYM);
		const versions = this.versions();
		const symbols: DynamicSymbol[] = [];
		// the first one is empty
		for (let index = 1; index < section.size / 24; index++) {
			const at = section.offset + index * 24;
			const info = this.bytes[at + 4] as number;
			const versionIndex = indexes ? this.bytes.readUInt16LE(indexes.offset + index * 2) : 0;
			const version = versions.get(versionIndex & 0x7fff);
			symbols.push({
				name: this.text(strings + this.bytes.readUInt32LE(at)),
				defined: this.bytes.readUInt16LE(at + 6) !== 0,
				weak: info >> 4 === WEAK,
				...(version !== undefined && { version }),
				isDefault: (versionIndex & 0x8000) === 0,
				isObject: (info & 15) === TYPE_OBJECT,
				size: this.u64(at + 16),
			});
		}
		return symbols;
	}
}
