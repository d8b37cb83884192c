/** Evaluates DWARF expressions as unwinding tables have them: signal frames, stubs of the linker, stacks that are aligned. */
import { DwarfCursor } from './dwarf-cursor.ts';
import { ElfError } from './elf.ts';

const MAX_STEPS = 1000;
const MAX_DEPTH = 64;

/** What an expression may read; undefined: not known, which ends the evaluation. */
export interface ExpressionContext {
	register(number: number): number | undefined;
	/** A word of memory. */
	word(address: number): number | undefined;
}

/** The result, an address; undefined: it reads what is not known, or is not valid. */
export function evaluate(
	expression: Uint8Array,
	context: ExpressionContext,
	first: readonly number[],
): number | undefined {
	try {
		const result = new Evaluation(expression, context, first).run();
		return result === undefined ? undefined : Number(result);
	} catch (error) {
		// a value that is no integer, or a division by 0
		if (error instanceof ElfError || error instanceof RangeError) return undefined;
		throw error;
	}
}

const binary: Readonly<Record<number, (a: bigint, b: bigint) => bigint>> = {
	26: (a, b) => a & b,
	27: (a, b) => signed(a) / signed(b),
	28: (a, b) => a - b,
	29: (a, b) => a % b,
	30: (a, b) => a * b,
	33: (a, b) => a | b,
	34: (a, b) => a + b,
	36: (a, b) => (b < 64n ? a << b : 0n),
	37: (a, b) => (b < 64n ? a >> b : 0n),
	38: (a, b) => signed(a) >> (b < 64n ? b : 63n),
	39: (a, b) => a ^ b,
	41: (a, b) => truth(signed(a) === signed(b)),
	42: (a, b) => truth(signed(a) >= signed(b)),
	43: (a, b) => truth(signed(a) > signed(b)),
	44: (a, b) => truth(signed(a) <= signed(b)),
	45: (a, b) => truth(signed(a) < signed(b)),
	46: (a, b) => truth(signed(a) !== signed(b)),
};

const truth = (value: boolean) => (value ? 1n : 0n);
const signed = (value: bigint) => BigInt.asIntN(64, value);

class Evaluation {
	private readonly cursor: DwarfCursor;
	private readonly context: ExpressionContext;
	private readonly stack: bigint[];

	constructor(expression: Uint8Array, context: ExpressionContext, first: readonly number[]) {
		this.cursor = new DwarfCursor(expression);
		this.context = context;
		this.stack = first.map((value) => BigInt(value));
	}

	/** undefined: something is not known. */
	run(): bigint | undefined {
		for (let step = 0; !this.cursor.done; step++) {
			if (step >= MAX_STEPS || this.stack.length > MAX_DEPTH) throw new ElfError('an expression without end');
			const value = this.step(this.cursor.u8());
			if (value === null) continue;
			if (value === undefined) return undefined;
			this.push(value);
		}
		return this.pop();
	}

	private push(value: bigint | number): void {
		this.stack.push(BigInt.asUintN(64, BigInt(value)));
	}

	private pop(): bigint {
		const value = this.stack.pop();
		if (value === undefined) throw new ElfError('an expression without operands');
		return value;
	}

	private pick(depth: number): bigint {
		const value = this.stack[this.stack.length - 1 - depth];
		if (value === undefined) throw new ElfError('an expression without operands');
		return value;
	}

	/** null: nothing is to be pushed; undefined: the value is not known. */
	private step(operation: number): bigint | number | null | undefined {
		const { cursor } = this;
		if (operation >= 0x30 && operation <= 0x4f) return operation - 0x30;
		if (operation >= 0x50 && operation <= 0x6f) return this.context.register(operation - 0x50);
		if (operation >= 0x70 && operation <= 0x8f) return this.relative(operation - 0x70);
		const combine = binary[operation];
		if (combine) {
			const second = this.pop();
			return combine(this.pop(), second);
		}
		switch (operation) {
			case 0x03:
			case 0x0e:
				return cursor.u64();
			case 0x06:
				return this.context.word(Number(this.pop()));
			case 0x08:
				return cursor.u8();
			case 0x09:
				return cursor.signed(1);
			case 0x0a:
				return cursor.u16();
			case 0x0b:
				return cursor.signed(2);
			case 0x0c:
				return cursor.u32();
			case 0x0d:
				return cursor.signed(4);
			case 0x0f:
				return cursor.signed(8);
			case 0x10:
				return cursor.uleb();
			case 0x11:
				return cursor.sleb();
			case 0x12:
				return this.pick(0);
			case 0x13:
				this.pop();
				return null;
			case 0x14:
				return this.pick(1);
			case 0x15:
				return this.pick(cursor.u8());
			case 0x16: {
				const [top, below] = [this.pop(), this.pop()];
				this.stack.push(top);
				return below;
			}
			case 0x17: {
				const [first, second, third] = [this.pop(), this.pop(), this.pop()];
				this.stack.push(first, third);
				return second;
			}
			case 0x19: {
				const value = signed(this.pop());
				return value < 0n ? -value : value;
			}
			case 0x1f:
				return -signed(this.pop());
			case 0x20:
				return ~this.pop();
			case 0x23:
				return this.pop() + BigInt(cursor.uleb());
			case 0x28: {
				const by = cursor.signed(2);
				if (this.pop() !== 0n) cursor.jump(by);
				return null;
			}
			case 0x2f:
				cursor.jump(cursor.signed(2));
				return null;
			case 0x92:
				return this.relative(cursor.uleb());
			case 0x96:
				return null;
			default:
				throw new ElfError('an unknown operation');
		}
	}

	private relative(register: number): number | undefined {
		const value = this.context.register(register);
		const offset = this.cursor.sleb();
		return value === undefined ? undefined : value + offset;
	}
}
