/**
 * `.eh_frame` of ELF files: for each instruction, where the caller's registers are. Compilers write it for C, C++ and Rust
 * with or without frame pointers. Files belong to anybody: sizes and offsets are checked, and an inconsistent table gives no row.
 */
import { firstIndex } from '../lib/bisect.ts';
import { DwarfCursor } from './dwarf-cursor.ts';
import { ElfError } from './elf.ts';

/** How a register of the caller is found. An expression is DWARF, evaluated with the CFA on its stack. */
export type RegisterRule =
	| { kind: 'saved'; offset: number }
	| { kind: 'value'; offset: number }
	| { kind: 'register'; register: number }
	| { kind: 'saved at'; expression: Uint8Array }
	| { kind: 'value of'; expression: Uint8Array }
	| { kind: 'undefined' };

/** Where the frame begins: its canonical frame address, the stack pointer before the call. */
export type FrameRule = { register: number; offset: number } | { expression: Uint8Array };

/** Rules at one instruction. A register without one has the same value in the caller. */
export interface UnwindRow {
	cfa: FrameRule;
	registers: ReadonlyMap<number, RegisterRule>;
	/** The register that has the return address. */
	returnRegister: number;
	/** The caller was interrupted by a signal: its address is not one behind a call. */
	signal: boolean;
}

/** What the entries of some functions have in common. */
interface Common {
	codeAlign: number;
	dataAlign: number;
	returnRegister: number;
	/** Encoding of addresses in its entries. */
	encoding: number;
	augmented: boolean;
	signal: boolean;
	instructions: Uint8Array;
}

const MAX_ENTRIES = 2_000_000;
const MAX_COMMON = 65_536;
const MAX_SAVED_STATES = 64;
/** Of one function; the largest of Chromium have some thousands. */
const MAX_INSTRUCTIONS = 100_000;
/**
 * Instructions of all questions to one table, with the registers that are copied: libc's whole table takes some millions. A file
 * that was made to be slow has no rows from there on.
 */
const MAX_WORK = 50_000_000;
const MAX_AUGMENTATION = 16;
const MAX_REGISTER = 128;
/** Rows that are remembered. */
const MAX_ROWS = 50_000;
const OMITTED = 0xff;

const none: RegisterRule = { kind: 'undefined' };

/** What may still be done for a table. */
interface Work {
	left: number;
}

/** The state that the instructions change. */
interface State {
	cfa: FrameRule | undefined;
	registers: Map<number, RegisterRule>;
}

export class UnwindTable {
	/** Of memory, nearly. */
	readonly bytes: number;
	private readonly data: Uint8Array;
	/** Address of the section. */
	private readonly address: number;
	private readonly common = new Map<number, Common>();
	private readonly rows = new Map<number, UnwindRow | null>();
	private readonly work: Work = { left: MAX_WORK };
	/** Functions by address; made at the first question. */
	private index: { count: number; starts: Float64Array; ends: Float64Array; entries: Uint32Array } | undefined;

	/** @param address of the section in the file's own numbering */
	constructor(data: Uint8Array, address: number) {
		this.data = data;
		this.address = address;
		// an entry of a function takes about 40 bytes of the section, and 20 of the index
		this.bytes = Math.round(data.length * 1.5);
	}

	/** Number of functions. */
	get count(): number {
		return this.indexed().count;
	}

	/** Rules at an instruction; undefined: no table covers it, or the table contradicts itself. */
	rowAt(address: number): UnwindRow | undefined {
		const known = this.rows.get(address);
		if (known !== undefined) return known ?? undefined;
		let row: UnwindRow | undefined;
		try {
			row = this.read(address);
		} catch (error) {
			if (!(error instanceof ElfError)) throw error;
		}
		if (this.rows.size >= MAX_ROWS) this.rows.clear();
		this.rows.set(address, row ?? null);
		return row;
	}

	private read(address: number): UnwindRow | undefined {
		const { count, starts, ends, entries } = this.indexed();
		const index = firstIndex(count, (one) => (starts[one] as number) > address) - 1;
		if (index < 0 || address >= (ends[index] as number)) return undefined;
		const entry = this.entry(entries[index] as number);
		if (!entry) return undefined;
		const { common, cursor } = entry;
		const initial: State = { cfa: undefined, registers: new Map() };
		run(this.work, new DwarfCursor(common.instructions), common, initial, initial, 0, Number.POSITIVE_INFINITY);
		const state: State = { cfa: initial.cfa, registers: new Map(initial.registers) };
		run(this.work, cursor, common, state, initial, starts[index] as number, address, this.address);
		const { returnRegister, signal } = common;
		return state.cfa && { cfa: state.cfa, registers: state.registers, returnRegister, signal };
	}

	private indexed() {
		this.index ??= this.scan();
		return this.index;
	}

	/** All entries of the section. */
	private scan() {
		const { data } = this;
		const starts: number[] = [];
		const ends: number[] = [];
		const at: number[] = [];
		try {
			for (let next = 0; next + 4 <= data.length && at.length < MAX_ENTRIES; ) {
				const { length, body } = lengthAt(data, next);
				if (length === 0) break;
				const cursor = new DwarfCursor(data, body, body + length);
				if (cursor.u32() !== 0) this.addEntry(next, starts, ends, at);
				next = body + length;
			}
		} catch (error) {
			// rules that were found before stay valid
			if (!(error instanceof ElfError)) throw error;
		}
		const order = Uint32Array.from(at.keys()).sort((a, b) => (starts[a] as number) - (starts[b] as number));
		return {
			count: order.length,
			starts: Float64Array.from(order, (index) => starts[index] as number),
			ends: Float64Array.from(order, (index) => ends[index] as number),
			entries: Uint32Array.from(order, (index) => at[index] as number),
		};
	}

	private addEntry(offset: number, starts: number[], ends: number[], at: number[]): void {
		try {
			const entry = this.entry(offset);
			if (!entry || !(entry.size > 0)) return;
			starts.push(entry.start);
			ends.push(entry.start + entry.size);
			at.push(offset);
		} catch (error) {
			if (!(error instanceof ElfError)) throw error;
		}
	}

	/** One function: the cursor stands before its instructions. undefined: its encoding is not known. */
	private entry(offset: number): { common: Common; start: number; size: number; cursor: DwarfCursor } | undefined {
		const { length, body } = lengthAt(this.data, offset);
		const cursor = new DwarfCursor(this.data, body, body + length);
		const back = cursor.u32();
		if (back === 0 || back > body) return undefined;
		const common = this.commonAt(body - back);
		const start = cursor.pointer(common.encoding, this.address);
		const size = cursor.encoded(common.encoding & 0x0f);
		if (start === undefined) return undefined;
		if (common.augmented) cursor.skip(cursor.uleb());
		return { common, start, size, cursor };
	}

	private commonAt(offset: number): Common {
		let known = this.common.get(offset);
		if (!known) {
			if (this.common.size >= MAX_COMMON) throw new ElfError('too many common entries');
			known = readCommon(this.data, offset, this.address);
			this.common.set(offset, known);
		}
		return known;
	}
}

/** Length of an entry, and where it begins behind it. */
function lengthAt(data: Uint8Array, offset: number): { length: number; body: number } {
	const cursor = new DwarfCursor(data, offset);
	const short = cursor.u32();
	const length = short === 0xffffffff ? cursor.u64() : short;
	if (cursor.at + length > data.length) throw new ElfError('an entry lies beyond the end of its table');
	return { length, body: cursor.at };
}

function readCommon(data: Uint8Array, offset: number, address: number): Common {
	const { length, body } = lengthAt(data, offset);
	const cursor = new DwarfCursor(data, body, body + length);
	if (cursor.u32() !== 0) throw new ElfError('an entry refers to one that is not common');
	const version = cursor.u8();
	if (version !== 1 && version !== 3) throw new ElfError('an unknown version');
	const augmentation = cursor.text(MAX_AUGMENTATION);
	const codeAlign = cursor.uleb();
	const dataAlign = cursor.sleb();
	const returnRegister = version === 1 ? cursor.u8() : cursor.uleb();
	let encoding = 0;
	let end: number | undefined;
	if (augmentation.startsWith('z')) {
		const size = cursor.uleb();
		end = cursor.at + size;
		for (const letter of augmentation.slice(1)) {
			if (letter === 'R') encoding = cursor.u8();
			else if (letter === 'L') cursor.u8();
			else if (letter === 'P') {
				const form = cursor.u8();
				if (form !== OMITTED) cursor.pointer(form, address);
			}
		}
		cursor.skip(end - cursor.at);
	} else if (augmentation !== '') throw new ElfError('an unknown augmentation');
	const augmented = end !== undefined;
	const instructions = data.subarray(cursor.at, body + length);
	return {
		codeAlign,
		dataAlign,
		returnRegister,
		encoding,
		augmented,
		signal: augmentation.includes('S'),
		instructions,
	};
}

/** Run instructions up to `until`. `initial`: state that DW_CFA_restore goes back to. */
function run(
	work: Work,
	cursor: DwarfCursor,
	{ codeAlign, dataAlign, encoding }: Common,
	state: State,
	initial: State,
	start: number,
	until: number,
	base = 0,
): void {
	let location = start;
	const saved: State[] = [];
	const register = () => {
		const number = cursor.uleb();
		if (number > MAX_REGISTER) throw new ElfError('no such register');
		return number;
	};
	const set = (number: number, rule: RegisterRule) => state.registers.set(number, rule);
	const restore = (number: number) => {
		const rule = initial.registers.get(number);
		if (rule) state.registers.set(number, rule);
		else state.registers.delete(number);
	};
	const offsetOf = () => {
		if (!state.cfa || 'expression' in state.cfa) throw new ElfError('a frame without a register');
		return state.cfa;
	};
	const block = () => cursor.take(cursor.uleb());
	for (let count = 0; !cursor.done; count++) {
		if (count >= MAX_INSTRUCTIONS || --work.left < 0) throw new ElfError('too many instructions');
		const byte = cursor.u8();
		const low = byte & 0x3f;
		const high = byte >> 6;
		if (high === 1) location += low * codeAlign;
		else if (high === 2) set(low, { kind: 'saved', offset: cursor.uleb() * dataAlign });
		else if (high === 3) restore(low);
		else {
			switch (byte) {
				case 0x00: // nop
					break;
				case 0x01: // set_loc
					location = cursor.pointer(encoding, base) ?? Number.POSITIVE_INFINITY;
					break;
				case 0x02: // advance_loc1
					location += cursor.u8() * codeAlign;
					break;
				case 0x03: // advance_loc2
					location += cursor.u16() * codeAlign;
					break;
				case 0x04: // advance_loc4
					location += cursor.u32() * codeAlign;
					break;
				case 0x05: // offset_extended
					set(register(), { kind: 'saved', offset: cursor.uleb() * dataAlign });
					break;
				case 0x06: // restore_extended
					restore(register());
					break;
				case 0x07: // undefined
					set(register(), none);
					break;
				case 0x08: // same_value
					state.registers.delete(register());
					break;
				case 0x09: // register
					set(register(), { kind: 'register', register: register() });
					break;
				case 0x0a: // remember_state
					if (saved.length >= MAX_SAVED_STATES) throw new ElfError('too many states');
					work.left -= state.registers.size;
					saved.push({ cfa: state.cfa, registers: new Map(state.registers) });
					break;
				case 0x0b: {
					// restore_state
					const last = saved.pop();
					if (!last) throw new ElfError('no state to go back to');
					state.cfa = last.cfa;
					state.registers = last.registers;
					break;
				}
				case 0x0c: // def_cfa
					state.cfa = { register: register(), offset: cursor.uleb() };
					break;
				case 0x0d: // def_cfa_register
					state.cfa = { register: register(), offset: offsetOf().offset };
					break;
				case 0x0e: // def_cfa_offset
					state.cfa = { register: offsetOf().register, offset: cursor.uleb() };
					break;
				case 0x0f: // def_cfa_expression
					state.cfa = { expression: block() };
					break;
				case 0x10: // expression
					set(register(), { kind: 'saved at', expression: block() });
					break;
				case 0x11: // offset_extended_sf
					set(register(), { kind: 'saved', offset: cursor.sleb() * dataAlign });
					break;
				case 0x12: // def_cfa_sf
					state.cfa = { register: register(), offset: cursor.sleb() * dataAlign };
					break;
				case 0x13: // def_cfa_offset_sf
					state.cfa = { register: offsetOf().register, offset: cursor.sleb() * dataAlign };
					break;
				case 0x14: // val_offset
					set(register(), { kind: 'value', offset: cursor.uleb() * dataAlign });
					break;
				case 0x15: // val_offset_sf
					set(register(), { kind: 'value', offset: cursor.sleb() * dataAlign });
					break;
				case 0x16: // val_expression
					set(register(), { kind: 'value of', expression: block() });
					break;
				case 0x2d: // negate_ra_state of arm64: the address is signed, and its signature is cut off everywhere
					break;
				case 0x2e: // GNU_args_size
					cursor.uleb();
					break;
				case 0x2f: // GNU_negative_offset_extended
					set(register(), { kind: 'saved', offset: -cursor.uleb() * dataAlign });
					break;
				default:
					throw new ElfError('an unknown instruction');
			}
		}
		if (location > until) return;
	}
}
