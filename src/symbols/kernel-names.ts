/** Names of kernel addresses, from `/proc/kallsyms`, which is read only where an address is new. */
import { join } from 'node:path';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { firstIndex } from '../lib/bisect.ts';
import { partsOf } from '../lib/read-file.ts';
import { type SafeText, safe, sanitize } from '../lib/sanitize.ts';
import { eachSymbol } from './kallsyms.ts';

/** Most names that are kept. */
const MOST = 8192;

/**
 * The function that each of the ascending addresses is in; empty: none. Addresses are signed, so that a double holds them
 * exactly. The order of the text does not matter: modules and BPF programs are not sorted.
 * @param parts whole lines, each valid until the next one is asked for
 */
export function symbolsIn(parts: Iterable<Uint8Array>, addresses: Float64Array): SafeText[] {
	const { length } = addresses;
	// by index of the lowest address at or above a symbol: the highest symbol there is
	const starts = new Float64Array(length).fill(Number.NEGATIVE_INFINITY);
	const names: SafeText[] = new Array(length).fill(safe``);
	// in the present part
	const nameAt = new Int32Array(length);
	const nameEnd = new Int32Array(length);
	for (const part of parts) {
		nameAt.fill(-1);
		eachSymbol(part, false, (start, _, from, end) => {
			const index = firstIndex(length, (one) => (addresses[one] as number) >= start);
			if (index >= length || start <= (starts[index] as number)) return;
			starts[index] = start;
			nameAt[index] = from;
			nameEnd[index] = end;
		});
		for (const [index, from] of nameAt.entries())
			if (from >= 0) names[index] = sanitize(part.subarray(from, nameEnd[index]));
	}
	for (let index = 1; index < length; index++) {
		// a symbol below an earlier address is below this one, too
		if ((starts[index - 1] as number) <= (starts[index] as number)) continue;
		starts[index] = starts[index - 1] as number;
		names[index] = names[index - 1] as SafeText;
	}
	return names;
}

const [TAB, NEWLINE] = [9, 10];
/** Symbols whose names are packed together: unpacking them takes some 50 µs. */
const BLOCK = 512;

/**
 * Symbols of the kernel itself: unlike those of modules and BPF programs they never change. Ascending. 120,000 of them take
 * 1.5 MB: to read the text again takes 40 ms.
 */
export class CoreSymbols {
	private readonly base: number;
	/** From `base` on: the kernel's code lies within 2 GB. */
	private readonly starts: Uint32Array;
	/** Names, each ended by a newline, {@link BLOCK} of them in each. */
	private readonly blocks: readonly Uint8Array[];

	private constructor(base: number, starts: Uint32Array, blocks: readonly Uint8Array[]) {
		this.base = base;
		this.starts = starts;
		this.blocks = blocks;
	}

	/**
	 * undefined: the text has no end of the kernel's code, hides it, or is not in the order of addresses.
	 * @param parts as of {@link symbolsIn}
	 */
	static of(parts: Iterable<Uint8Array>): CoreSymbols | undefined {
		let base = 0;
		let starts = new Uint32Array(2 ** 17);
		let count = 0;
		const blocks: Uint8Array[] = [];
		let names = Buffer.allocUnsafe(BLOCK * 32);
		let bytes = 0;
		let end: number | undefined;
		let last = Number.NEGATIVE_INFINITY;
		let sorted = true;
		const pack = () => {
			// a copy: deflate returns the beginning of a larger buffer, which would be kept
			blocks.push(new Uint8Array(deflateRawSync(names.subarray(0, bytes), { level: 1 })));
			bytes = 0;
		};
		for (const part of parts) {
			eachSymbol(part, false, (start, _, from, to) => {
				if (part[to] === TAB || (end !== undefined && start > end)) return;
				if (to - from === ETEXT.length && ETEXT.every((byte, index) => part[from + index] === byte)) end = start;
				if (start === last) return;
				if (count === 0) base = start;
				sorted &&= start > last && start - base < 2 ** 32;
				last = start;
				if (count === starts.length) {
					const larger = new Uint32Array(count * 2);
					larger.set(starts);
					starts = larger;
				}
				starts[count++] = start - base;
				if (bytes + to - from + 1 > names.length) {
					const larger = Buffer.allocUnsafe(2 * (bytes + to - from + 1));
					names.copy(larger, 0, 0, bytes);
					names = larger;
				}
				names.set(part.subarray(from, to), bytes);
				bytes += to - from;
				names[bytes++] = NEWLINE;
				if (count % BLOCK === 0) pack();
			});
			if (!sorted) return undefined;
		}
		if (end === undefined || count < 2) return undefined;
		if (bytes > 0) pack();
		return new CoreSymbols(base, starts.slice(0, count), blocks);
	}

	/** The function that an address is in; undefined: it is not in the kernel itself. */
	of(address: number): SafeText | undefined {
		const { length } = this.starts;
		const offset = address - this.base;
		const index = firstIndex(length, (one) => (this.starts[one] as number) > offset) - 1;
		// the last symbol is the end of the code
		if (index < 0 || index >= length - 1) return undefined;
		const names = inflateRawSync(this.blocks[Math.floor(index / BLOCK)] as Uint8Array);
		let at = 0;
		for (let before = index % BLOCK; before > 0; before--) at = names.indexOf(NEWLINE, at) + 1;
		return sanitize(names.subarray(at, names.indexOf(NEWLINE, at)));
	}
}

const ETEXT = new TextEncoder().encode('_etext');

export class KernelSymbols {
	private readonly names = new Map<number, SafeText>();
	private readonly unknown = new Set<number>();
	private readonly path: string;
	private core: CoreSymbols | undefined;
	/** How often the text was gone through. */
	private readings = 0;

	constructor(procRoot: string) {
		this.path = join(procRoot, 'kallsyms');
	}

	/** Ask for the name of an address at the next {@link resolve}. */
	want(address: number): void {
		if (address !== 0 && !this.names.has(address) && this.unknown.size < MOST) this.unknown.add(address);
	}

	/** Look up all new addresses at once: 20 to 40 ms the first two times, and where some are not the kernel's own. */
	resolve(): void {
		if (this.unknown.size === 0) return;
		// a single event is not worth the memory
		if (this.readings === 1) this.core = this.readCore();
		if (this.names.size + this.unknown.size > MOST) this.names.clear();
		for (const address of this.unknown) {
			const name = this.core?.of(address);
			if (name === undefined) continue;
			this.names.set(address, name);
			this.unknown.delete(address);
		}
		if (this.unknown.size === 0) return;
		const addresses = Float64Array.from(this.unknown).sort();
		this.unknown.clear();
		let found: SafeText[] = [];
		this.readings++;
		try {
			found = symbolsIn(partsOf(this.path), addresses);
		} catch {
			// hidden (kptr_restrict) or absent: addresses stay without names
		}
		for (const [index, address] of addresses.entries()) this.names.set(address, found[index] ?? safe``);
	}

	private readCore(): CoreSymbols | undefined {
		this.readings++;
		try {
			return CoreSymbols.of(partsOf(this.path));
		} catch {
			return undefined;
		}
	}

	/** Empty: not known. */
	of(address: number): SafeText {
		return this.names.get(address) ?? safe``;
	}
}
