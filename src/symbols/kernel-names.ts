/** Names of kernel addresses, from `/proc/kallsyms`, which is read only where an address is new. */
import { join } from 'node:path';
import { firstIndex } from '../lib/bisect.ts';
import { monotonicNs } from '../lib/clock.ts';
import { partsOf } from '../lib/read-file.ts';
import { type SafeText, safe, sanitize } from '../lib/sanitize.ts';
import type { Ns } from '../lib/units.ts';
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

/** For how long the kernel's own symbols (some 3 MB) are kept after their last use. */
const KEPT: Ns = 60e9;
const TAB = 9;

/** Symbols of the kernel itself: unlike those of modules and BPF programs they never change. Ascending. */
export class CoreSymbols {
	private readonly starts: Float64Array;
	private readonly nameAt: Uint32Array;
	private readonly names: Uint8Array;

	private constructor(starts: Float64Array, nameAt: Uint32Array, names: Uint8Array) {
		this.starts = starts;
		this.nameAt = nameAt;
		this.names = names;
	}

	/**
	 * undefined: the text has no end of the kernel's code, hides it, or is not in the order of addresses.
	 * @param parts as of {@link symbolsIn}
	 */
	static of(parts: Iterable<Uint8Array>): CoreSymbols | undefined {
		const starts: number[] = [];
		const nameAt: number[] = [];
		let names = new Uint8Array(2 ** 20);
		let bytes = 0;
		let end: number | undefined;
		let last = Number.NEGATIVE_INFINITY;
		let sorted = true;
		for (const part of parts) {
			eachSymbol(part, false, (start, _, from, to) => {
				if (part[to] === TAB || (end !== undefined && start > end)) return;
				if (to - from === ETEXT.length && ETEXT.every((byte, index) => part[from + index] === byte)) end = start;
				if (start === last) return;
				sorted &&= start > last;
				last = start;
				starts.push(start);
				nameAt.push(bytes);
				if (bytes + to - from > names.length) {
					const larger = new Uint8Array(names.length * 2);
					larger.set(names);
					names = larger;
				}
				names.set(part.subarray(from, to), bytes);
				bytes += to - from;
			});
			if (!sorted) return undefined;
		}
		if (end === undefined || starts.length < 2) return undefined;
		return new CoreSymbols(Float64Array.from(starts), Uint32Array.from([...nameAt, bytes]), names.slice(0, bytes));
	}

	/** The function that an address is in; undefined: it is not in the kernel itself. */
	of(address: number): SafeText | undefined {
		const { length } = this.starts;
		const index = firstIndex(length, (one) => (this.starts[one] as number) > address) - 1;
		// the last symbol is the end of the code
		if (index < 0 || index >= length - 1) return undefined;
		return sanitize(this.names.subarray(this.nameAt[index], this.nameAt[index + 1]));
	}
}

const ETEXT = new TextEncoder().encode('_etext');

export class KernelSymbols {
	private readonly names = new Map<number, SafeText>();
	private readonly unknown = new Set<number>();
	private readonly path: string;
	/** null: not to be had: hidden, or not in order. */
	private core: CoreSymbols | null | undefined;
	private usedAt: Ns = Number.NEGATIVE_INFINITY;

	constructor(procRoot: string) {
		this.path = join(procRoot, 'kallsyms');
	}

	/** Ask for the name of an address at the next {@link resolve}. */
	want(address: number): void {
		if (address !== 0 && !this.names.has(address) && this.unknown.size < MOST) this.unknown.add(address);
	}

	/** Look up all new addresses at once: 20 ms where there are any, and the kernel's own are not known or there are others. */
	resolve(): void {
		const now = monotonicNs();
		if (this.unknown.size === 0) {
			if (now - this.usedAt > KEPT) this.core = undefined;
			return;
		}
		// a single event is not worth it
		if (now - this.usedAt < KEPT && this.core === undefined) this.core = this.readCore();
		this.usedAt = now;
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
		try {
			found = symbolsIn(partsOf(this.path), addresses);
		} catch {
			// hidden (kptr_restrict) or absent: addresses stay without names
		}
		for (const [index, address] of addresses.entries()) this.names.set(address, found[index] ?? safe``);
	}

	private readCore(): CoreSymbols | null {
		try {
			return CoreSymbols.of(partsOf(this.path)) ?? null;
		} catch {
			return null;
		}
	}

	/** Empty: not known. */
	of(address: number): SafeText {
		return this.names.get(address) ?? safe``;
	}
}
