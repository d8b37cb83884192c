/** Address ranges of the kernel's functions, by name, from `/proc/kallsyms`. */
import { join } from 'node:path';
import { firstIndex } from '../lib/bisect.ts';
import { partsOf } from '../lib/read-file.ts';
import { eachSymbol } from './kallsyms.ts';

/** Parsed in pieces, so that no tick waits for the whole file (5 to 20 MB). Bytes. */
const PIECE = 512 * 1024;

interface Range {
	/** Low 32 bits: the kernel's code lies within 2 GB. */
	from: number;
	to: number;
	name: string;
}

/** None where the file is hidden or absent. */
function* partsIn(path: string): Generator<Buffer> {
	try {
		yield* partsOf(path);
	} catch {}
}

export class KernelFunctions {
	private ranges: readonly Range[] = [];
	/** By address as a signed number; null: in none of them. */
	private readonly known = new Map<number, string | null>();
	private loaded = false;

	/** Have the addresses been read? Before that, and where they are hidden, no function is found. */
	get ready(): boolean {
		return this.loaded;
	}

	/**
	 * Read the addresses of these functions. Copies that the compiler made (`name.constprop.0`) count as the function.
	 * Resolves with false where addresses are hidden (kptr_restrict, no CAP_SYSLOG).
	 */
	async load(procRoot: string, names: Iterable<string>): Promise<boolean> {
		// the caller's strings: parts of the text would keep all of it in memory
		const wanted = new Map(Array.from(names, (name) => [name, name]));
		const ranges: Range[] = [];
		let open: Range[] = [];
		let piece = 0;
		for (const part of partsIn(join(procRoot, 'kallsyms'))) {
			eachSymbol(part, false, (address, _, nameAt, nameEnd) => {
				const from = address >>> 0;
				if (from !== open[0]?.from && open.length > 0) {
					for (const range of open) range.to = from;
					open = [];
				}
				const whole = part.toString('latin1', nameAt, nameEnd);
				const dot = whole.indexOf('.');
				const name = wanted.get(dot < 0 ? whole : whole.slice(0, dot));
				if (name === undefined) return;
				const range = { from, to: 0, name };
				open.push(range);
				ranges.push(range);
			});
			piece += part.length;
			if (piece < PIECE) continue;
			piece = 0;
			await new Promise((resolve) => setImmediate(resolve));
		}
		this.ranges = ranges.filter(({ from, to }) => from > 0 && to > from).sort((a, b) => a.from - b.from);
		this.known.clear();
		this.loaded = true;
		return this.ranges.length > 0;
	}

	/** The function that holds an address (its low 32 bits); undefined: none of those that were asked for. */
	at(address: number): string | undefined {
		// a small integer for V8, which an address above 2^31 is not
		const key = address | 0;
		const known = this.known.get(key);
		if (known !== undefined) return known === null ? undefined : known;
		const range = this.ranges[firstIndex(this.ranges.length, (one) => (this.ranges[one] as Range).from > address) - 1];
		const name = range && address < range.to ? range.name : undefined;
		if (this.known.size >= 50_000) this.known.clear();
		this.known.set(key, name ?? null);
		return name;
	}
}
