/** Names of kernel addresses, from `/proc/kallsyms`, which is read only where an address is new. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type SafeText, safe, sanitize } from '../lib/sanitize.ts';

/** Most names that are kept. */
const MOST = 8192;
const NEWLINE = 10;
const TAB = 9;

/** Index of the first of the ascending `values` that is `value` or more. */
function firstAtLeast(values: Float64Array, value: number): number {
	let low = 0;
	let high = values.length;
	while (low < high) {
		const middle = (low + high) >> 1;
		if ((values[middle] as number) < value) low = middle + 1;
		else high = middle;
	}
	return low;
}

function hexDigits(text: Uint8Array, at: number, digits: number): number {
	let value = 0;
	for (let i = 0; i < digits; i++) {
		const byte = text[at + i] as number;
		value = value * 16 + (byte <= 0x39 ? byte - 0x30 : (byte | 0x20) - 0x57);
	}
	return value;
}

/**
 * The function that each of the ascending addresses is in; empty: none. Addresses are signed, so that a double holds them
 * exactly. The order of the text does not matter: modules and BPF programs are not sorted.
 */
export function symbolsIn(text: Uint8Array, addresses: Float64Array): SafeText[] {
	// by index of the lowest address at or above a symbol: the highest symbol there is
	const starts = new Float64Array(addresses.length).fill(Number.NEGATIVE_INFINITY);
	const names = new Int32Array(addresses.length).fill(-1);
	for (let at = 0; at < text.length; ) {
		let end = text.indexOf(NEWLINE, at);
		if (end < 0) end = text.length;
		// ffffffff81000000 T _text	[module]
		const kind = (text[at + 17] as number) | 0x20;
		if (end - at > 19 && (kind === 0x74 || kind === 0x77)) {
			const high = hexDigits(text, at, 8);
			const start = (high >= 0x80000000 ? high - 4294967296 : high) * 4294967296 + hexDigits(text, at + 8, 8);
			const index = firstAtLeast(addresses, start);
			if (start !== 0 && index < addresses.length && start > (starts[index] as number)) {
				starts[index] = start;
				names[index] = at + 19;
			}
		}
		at = end + 1;
	}
	return Array.from(addresses, (_, index) => {
		// a symbol below an earlier address is below this one, too
		if (index > 0 && (starts[index - 1] as number) > (starts[index] as number)) {
			starts[index] = starts[index - 1] as number;
			names[index] = names[index - 1] as number;
		}
		const at = names[index] as number;
		if (at < 0) return safe``;
		let end = text.indexOf(NEWLINE, at);
		const tab = text.indexOf(TAB, at);
		if (end < 0) end = text.length;
		if (tab >= 0 && tab < end) end = tab;
		return sanitize(text.subarray(at, end));
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
