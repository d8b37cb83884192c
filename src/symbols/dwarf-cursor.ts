/** Reads numbers in the encodings of DWARF. The bytes belong to anybody: what lies beyond their end is an {@link ElfError}. */
import { viewOf } from '../lib/decode.ts';
import { ElfError } from './elf.ts';

const FORM = 0x0f;
const RELATIVE = 0x70;
const TO_POSITION = 0x10;
/** 10 digits of 7 bits hold 64 bits. */
const LEB_LIMIT = 2 ** 70;

export class DwarfCursor {
	at: number;
	private readonly bytes: Uint8Array;
	private readonly view: DataView;
	private readonly end: number;

	constructor(bytes: Uint8Array, at = 0, end = bytes.length) {
		if (!(at >= 0 && at <= end && end <= bytes.length)) throw new ElfError('a table points beyond its end');
		this.bytes = bytes;
		this.view = viewOf(bytes);
		this.at = at;
		this.end = end;
	}

	get done(): boolean {
		return this.at >= this.end;
	}

	/** The position before `length` bytes, which are passed. */
	private pass(length: number): number {
		const at = this.at;
		if (!(length >= 0 && at + length <= this.end)) throw new ElfError('a table ends within an entry');
		this.at = at + length;
		return at;
	}

	skip(length: number): void {
		this.pass(length);
	}

	/** Relative, also back. */
	jump(by: number): void {
		const to = this.at + by;
		if (!(to >= 0 && to <= this.end)) throw new ElfError('a jump beyond the end');
		this.at = to;
	}

	take(length: number): Uint8Array {
		const at = this.pass(length);
		return this.bytes.subarray(at, at + length);
	}

	u8(): number {
		return this.view.getUint8(this.pass(1));
	}

	u16(): number {
		return this.view.getUint16(this.pass(2), true);
	}

	u32(): number {
		return this.view.getUint32(this.pass(4), true);
	}

	/** As a double: values beyond 2^53 are no address and no size. */
	u64(): number {
		const at = this.pass(8);
		return this.view.getUint32(at, true) + this.view.getUint32(at + 4, true) * 4294967296;
	}

	signed(length: 1 | 2 | 4 | 8): number {
		const at = this.pass(length);
		if (length === 1) return this.view.getInt8(at);
		if (length === 2) return this.view.getInt16(at, true);
		if (length === 4) return this.view.getInt32(at, true);
		return this.view.getUint32(at, true) + this.view.getInt32(at + 4, true) * 4294967296;
	}

	/** LEB128, unsigned. */
	uleb(): number {
		let value = 0;
		for (let scale = 1; scale < LEB_LIMIT; scale *= 128) {
			const byte = this.u8();
			value += (byte & 127) * scale;
			if (byte < 128) return value;
		}
		throw new ElfError('a number has too many digits');
	}

	/** LEB128, signed. */
	sleb(): number {
		let value = 0;
		for (let scale = 1; scale < LEB_LIMIT; scale *= 128) {
			const byte = this.u8();
			value += (byte & 127) * scale;
			if (byte < 128) return byte & 64 ? value - scale * 128 : value;
		}
		throw new ElfError('a number has too many digits');
	}

	/** Text up to its ending 0, of at most `limit` characters. */
	text(limit: number): string {
		let text = '';
		for (let byte = this.u8(); byte !== 0; byte = this.u8()) {
			if (text.length >= limit) throw new ElfError('a text is too long');
			text += String.fromCharCode(byte);
		}
		return text;
	}

	/**
	 * A pointer in one of the encodings of `.eh_frame`. @param base address of the first byte of the bytes. undefined: relative to
	 * something that is not known here.
	 */
	pointer(encoding: number, base: number): number | undefined {
		const position = base + this.at;
		const value = this.encoded(encoding & FORM);
		const relative = encoding & RELATIVE;
		if (relative === TO_POSITION) return position + value;
		return relative === 0 ? value : undefined;
	}

	/** The value of a pointer, without what it is relative to. */
	encoded(form: number): number {
		switch (form) {
			case 0x0:
			case 0x4:
				return this.u64();
			case 0x1:
				return this.uleb();
			case 0x2:
				return this.u16();
			case 0x3:
				return this.u32();
			case 0x9:
				return this.sleb();
			case 0xa:
				return this.signed(2);
			case 0xb:
				return this.signed(4);
			case 0xc:
				return this.signed(8);
			default:
				throw new ElfError('a pointer has an unknown encoding');
		}
	}
}
