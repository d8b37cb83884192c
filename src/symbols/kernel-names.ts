/** Names of kernel addresses, from `/proc/kallsyms`, which is read only where an address is new. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { firstIndex } from '../lib/bisect.ts';
import { monotonicNs } from '../lib/clock.ts';
import { type SafeText, safe, sanitize } from '../lib/sanitize.ts';
import type { Ns } from '../lib/units.ts';
import { eachSymbol } from './kallsyms.ts';

/** Most names that are kept. */
const MOST = 8192;

/**
 * The function that each of the ascending addresses is in; empty: none. Addresses are signed, so that a double holds them
 * exactly. The order of the text does not matter: modules and BPF programs are not sorted.
 */
export function symbolsIn(text: Uint8Array, addresses: Float64Array): SafeText[] {
	// by index of the lowest address at or above a symbol: the highest symbol there is
	const starts = new Float64Array(addresses.length).fill(Number.NEGATIVE_INFINITY);
	const nameAt = new Int32Array(addresses.length).fill(-1);
	const nameEnd = new Int32Array(addresses.length);
	eachSymbol(text, false, (start, _, from, end) => {
		const index = firstIndex(addresses.length, (one) => (addresses[one] as number) >= start);
		if (index >= addresses.length || start <= (starts[index] as number)) return;
		starts[index] = start;
		nameAt[index] = from;
		nameEnd[index] = end;
	});
	return Array.from(addresses, (_, index) => {
		// a symbol below an earlier address is below this one, too
		if (index > 0 && (starts[index - 1] as number) > (starts[index] as number)) {
			starts[index] = starts[index - 1] as number;
			nameAt[index] = nameAt[index - 1] as number;
			nameEnd[index] = nameEnd[index - 1] as number;
		}
		return (nameAt[index] as number) < 0 ? safe`` : sanitize(text.subarray(nameAt[index], nameEnd[index]));
	});
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

	/** undefined: the text has no end of the kernel's code, hides it, or is not in the order of addresses. */
	static of(text: Uint8Array): CoreSymbols | undefined {
		const starts: number[] = [];
		const nameAt: number[] = [];
		let end: number | undefined;
		let sorted = true;
		let bytes = 0;
		const each = (take: (start: number, from: number, to: number) => void): void =>
			eachSymbol(text, false, (start, _, from, to) => {
				if (text[to] === TAB || (end !== undefined && start > end)) return;
				take(start, from, to);
			});
		each((start, from, to) => {
			if (to - from === ETEXT.length && ETEXT.every((byte, index) => text[from + index] === byte)) end = start;
		});
		if (end === undefined) return undefined;
		let last = Number.NEGATIVE_INFINITY;
		each((start, from, to) => {
			if (start === last) return;
			sorted &&= start > last;
			last = start;
			starts.push(start);
			nameAt.push(bytes);
			bytes += to - from;
		});
		if (!sorted || starts.length < 2) return undefined;
		const names = new Uint8Array(bytes);
		let index = 0;
		last = Number.NEGATIVE_INFINITY;
		each((start, from, to) => {
			if (start === last) return;
			last = start;
			names.set(text.subarray(from, to), nameAt[index++] as number);
		});
		return new CoreSymbols(Float64Array.from(starts), Uint32Array.from([...nameAt, bytes]), names);
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
	private core: CoreSymbols | undefined;
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
			if (this.core && now - this.usedAt > KEPT) this.core = undefined;
			return;
		}
		// a single event is not worth it
		const again = now - this.usedAt < KEPT;
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
			const text = readFileSync(this.path);
			found = symbolsIn(text, addresses);
			if (again) this.core ??= CoreSymbols.of(text);
		} catch {
			// hidden (kptr_restrict) or absent: addresses stay without names
		}
		for (const [index, address] of addresses.entries()) this.names.set(address, found[index] ?? safe``);
	}

	/** Empty: not known. */
	of(address: number): SafeText {
		return this.names.get(address) ?? safe``;
	}
}
