/** Symbols in the order of their addresses. Names stay bytes until they are asked for. */
import { firstIndex } from '../lib/bisect.ts';
import type { RawSymbols } from './elf.ts';

/** Longest name that is kept, bytes; longer ones are cut. Templates of C++ reach some thousands. */
const MAX_NAME_BYTES = 4096;

export interface Found {
	/** Bytes of the name, without the ending 0. */
	name: Uint8Array;
	/** Address of the symbol. */
	start: number;
	/** Of the code; absent: not known. */
	size?: number;
}

export class SymbolTable {
	/** Bytes of memory that it takes, nearly. */
	readonly bytes: number;
	readonly count: number;
	private readonly starts: Float64Array;
	private readonly ends: Float64Array;
	private readonly nameAt: Uint32Array;
	private readonly names: Uint8Array;

	constructor(raw: RawSymbols) {
		const order = orderOf(raw);
		const { length } = order;
		this.starts = new Float64Array(length);
		this.ends = new Float64Array(length);
		this.nameAt = new Uint32Array(length);
		this.names = raw.names;
		let count = 0;
		for (const index of order) {
			const start = raw.starts[index] as number;
			// of symbols with one address, the best comes first
			if (count > 0 && this.starts[count - 1] === start) continue;
			this.starts[count] = start;
			this.ends[count] = start + (raw.sizes[index] as number);
			this.nameAt[count] = raw.nameAt[index] as number;
			count++;
		}
		// a symbol without a size reaches to the next one
		for (let i = 0; i < count; i++)
			if (this.ends[i] === this.starts[i]) this.ends[i] = i + 1 < count ? (this.starts[i + 1] as number) : Infinity;
		this.count = count;
		this.bytes = length * 20 + raw.names.length;
	}

	/** The symbol that covers an address. */
	find(address: number): Found | undefined {
		const behind = firstIndex(this.count, (index) => (this.starts[index] as number) > address);
		const index = behind - 1;
		if (index < 0 || address >= (this.ends[index] as number)) return undefined;
		const at = this.nameAt[index] as number;
		// a table without any 0 is not searched to its end
		const longest = this.names.subarray(at, at + MAX_NAME_BYTES);
		const end = longest.indexOf(0);
		return {
			name: end < 0 ? longest : longest.subarray(0, end),
			start: this.starts[index] as number,
		};
	}
}

/** More make no difference: a file of underscores only would keep the sort busy for hours. */
const MOST_UNDERSCORES = 16;

/** Leading underscores of a name: of two names for one function, the one with fewer is the one people know. */
function underscores({ names }: RawSymbols, at: number): number {
	let count = 0;
	while (count < MOST_UNDERSCORES && names[at + count] === 0x5f) count++;
	return count;
}

/** Indices by address; equal addresses: the best name first, by the rules of perf. */
function orderOf(raw: RawSymbols): Uint32Array {
	const { starts, sizes, rank, nameAt } = raw;
	const order = Uint32Array.from({ length: raw.count }, (_, index) => index);
	return order.sort((a, b) => {
		const byAddress = (starts[a] as number) - (starts[b] as number);
		if (byAddress !== 0) return byAddress;
		return (
			Number(sizes[b] !== 0) - Number(sizes[a] !== 0) ||
			(rank[b] as number) - (rank[a] as number) ||
			underscores(raw, nameAt[a] as number) - underscores(raw, nameAt[b] as number) ||
			a - b
		);
	});
}
