/** Names of kernel addresses, from `/proc/kallsyms`, which is read only where an address is new. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { firstIndex } from '../lib/bisect.ts';
import { type SafeText, safe, sanitize } from '../lib/sanitize.ts';
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

export class KernelSymbols {
	private readonly names = new Map<number, SafeText>();
	private readonly unknown = new Set<number>();
	private readonly path: string;

	constructor(procRoot: string) {
		this.path = join(procRoot, 'kallsyms');
	}

	/** Ask for the name of an address at the next {@link resolve}. */
	want(address: number): void {
		if (address !== 0 && !this.names.has(address) && this.unknown.size < MOST) this.unknown.add(address);
	}

	/** Look up all new addresses at once: 20 ms where there are any. */
	resolve(): void {
		if (this.unknown.size === 0) return;
		const addresses = Float64Array.from(this.unknown).sort();
		this.unknown.clear();
		let found: SafeText[] = [];
		try {
			found = symbolsIn(readFileSync(this.path), addresses);
		} catch {
			// hidden (kptr_restrict) or absent: addresses stay without names
		}
		if (this.names.size + addresses.length > MOST) this.names.clear();
		for (const [index, address] of addresses.entries()) this.names.set(address, found[index] ?? safe``);
	}

	/** Empty: not known. */
	of(address: number): SafeText {
		return this.names.get(address) ?? safe``;
	}
}
