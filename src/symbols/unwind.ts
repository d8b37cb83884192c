/** Unwinds a stack that was copied: by the tables of the files where there are any, else by frame pointers. */
import { type ExpressionContext, evaluate } from './dwarf-expression.ts';
import type { UnwindRow } from './eh-frame.ts';

/** Numbers of registers in DWARF, and how many there are. */
interface Machine {
	stackPointer: number;
	framePointer: number;
	/** Index of the address of the next instruction in what was copied. */
	instruction: number;
	/** The high half of a word: user addresses have fewer bits, and arm64 signs the rest. */
	highMask: number;
}

const machines: Readonly<Record<string, Machine>> = {
	x64: { stackPointer: 7, framePointer: 6, instruction: 16, highMask: 0xffffffff },
	arm64: { stackPointer: 31, framePointer: 29, instruction: 32, highMask: 0xffff },
};

/** undefined: of this machine nothing is known. */
const machine: Machine | undefined = machines[process.arch];

/** Stacks are unwound on this machine. */
export const canUnwind = machine !== undefined;

/** As copied by the kernel. */
export interface CopiedStack {
	/** Words: registers in the order of DWARF, and the address of the next instruction. */
	registers: DataView;
	/** From the stack pointer on. */
	memory: DataView;
}

/** Why a stack was unwound no further. `whole`: its outermost frame is the one that the program or thread began with. */
const UNWIND_ENDS = ['whole', 'ended', 'compiled', 'no_tables', 'beyond_copy', 'other'] as const;
export type UnwindEnd = (typeof UNWIND_ENDS)[number];

/** A stack as far as it is known. */
export interface Unwound {
	/** Innermost first, as the kernel has them: return addresses, which lie behind a call. */
	frames: number[];
	end: UnwindEnd;
}

/** Rules for an instruction; undefined: no file has any for it, null: there is no code at this address. */
export type RowOf = (address: number) => UnwindRow | undefined | null;

export class Unwinder implements ExpressionContext {
	private readonly row: RowOf;
	private readonly machine: Machine;
	private values: (number | undefined)[] = [];
	private memory: DataView = new DataView(new ArrayBuffer(0));
	/** Address of the first byte of the memory. */
	private base = 0;

	/** Only where {@link canUnwind}. */
	constructor(row: RowOf) {
		this.row = row;
		this.machine = machine ?? (machines['x64'] as Machine);
	}

	register(number: number): number | undefined {
		return this.values[number];
	}

	word(address: number): number | undefined {
		const at = address - this.base;
		if (!(at >= 0 && at + 8 <= this.memory.byteLength) || !Number.isInteger(at)) return undefined;
		return this.wordAt(this.memory, at);
	}

	private wordAt(view: DataView, at: number): number {
		return view.getUint32(at, true) + ((view.getUint32(at + 4, true) & this.machine.highMask) >>> 0) * 4294967296;
	}

	/** At most `limit` frames. */
	unwind({ registers, memory }: CopiedStack, limit: number): Unwound {
		const { stackPointer, instruction } = this.machine;
		this.memory = memory;
		this.values = [];
		for (let number = 0; number < instruction; number++) this.values.push(this.wordAt(registers, number * 8));
		this.base = this.values[stackPointer] as number;
		let address: number | undefined = this.wordAt(registers, instruction * 8);
		const frames = [address];
		// of an interrupted function the instruction itself counts; of a caller, the call before
		let exact = true;
		let end: UnwindEnd = 'other';
		while (frames.length < limit) {
			const row = this.row(exact ? address : address - 1);
			if (row === null && frames.length > 1) {
				frames.pop();
				break;
			}
			const before = this.values[stackPointer] as number;
			address = row ? this.step(row) : this.stepByFramePointer();
			if (address === undefined || address === 0) {
				const whole = address === 0 || row?.registers.get(row.returnRegister)?.kind === 'undefined';
				end = whole ? 'whole' : row ? 'beyond_copy' : 'no_tables';
				break;
			}
			const after = this.values[stackPointer] as number;
			// a stack grows in one direction; of a function that saved nothing (arm64) it stays
			if (!(after > before || (after === before && frames.length === 1))) break;
			exact = row?.signal === true;
			frames.push(exact ? address + 1 : address);
		}
		return { frames, end };
	}

	/** To the caller. Returns its address; undefined: there is none, or it is not known. */
	private step({ cfa: rule, registers, returnRegister }: UnwindRow): number | undefined {
		const { stackPointer, highMask } = this.machine;
		const cfa =
			'expression' in rule ? evaluate(rule.expression, this, []) : plus(this.values[rule.register], rule.offset);
		if (cfa === undefined) return undefined;
		const values = [...this.values];
		values[stackPointer] = cfa;
		let address: number | undefined = this.values[returnRegister];
		for (const [number, one] of registers) {
			let value: number | undefined;
			if (one.kind === 'saved') value = this.word(cfa + one.offset);
			else if (one.kind === 'value') value = cfa + one.offset;
			else if (one.kind === 'register') value = this.values[one.register];
			else if (one.kind === 'value of') value = evaluate(one.expression, this, [cfa]);
			else if (one.kind === 'saved at') {
				const place = evaluate(one.expression, this, [cfa]);
				value = place === undefined ? undefined : this.word(place);
			}
			values[number] = value;
			if (number === returnRegister) address = value;
		}
		this.values = values;
		return address !== undefined && highMask === 0xffff ? address % 2 ** 48 : address;
	}

	/** Where a file has no tables: compiled code and Go keep frame pointers. */
	private stepByFramePointer(): number | undefined {
		const { stackPointer, framePointer } = this.machine;
		const frame = this.values[framePointer];
		const stack = this.values[stackPointer] as number;
		if (frame === undefined || frame < stack) return undefined;
		const address = this.word(frame + 8);
		const caller = this.word(frame);
		if (address === undefined || caller === undefined) return undefined;
		this.values[framePointer] = caller;
		this.values[stackPointer] = frame + 16;
		return address;
	}
}

function plus(value: number | undefined, offset: number): number | undefined {
	return value === undefined ? undefined : value + offset;
}
