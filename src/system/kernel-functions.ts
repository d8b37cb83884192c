/** Address ranges of the kernel's functions, by name, from `/proc/kallsyms`. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Parsed in parts, so that no tick waits for the whole file (5 to 20 MB). Characters. */
const PART = 512 * 1024;

interface Range {
	/** Low 32 bits: the kernel's code lies within 2 GB. */
	from: number;
	to: number;
	name: string;
}

/** Low 32 bits of a hexadecimal address. */
const low = (hex: string): number => Number.parseInt(hex.slice(-8), 16);

export class KernelFunctions {
	private ranges: readonly Range[] = [];
	private readonly known = new Map<number, string | undefined>();
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
		const text = await readFile(join(procRoot, 'kallsyms'), 'latin1').catch(() => '');
		// the caller's strings: parts of the text would keep all of it in memory
		const wanted = new Map(Array.from(names, (name) => [name, name]));
		const ranges: Range[] = [];
		let open: Range[] = [];
		for (let from = 0; from < text.length; ) {
			const end = from + PART >= text.length ? text.length : text.indexOf('\n', from + PART) + 1 || text.length;
			for (const line of text.slice(from, end).split('\n')) {
				// address, type, name, and the module where there is one
				const kind = line.charCodeAt(17) | 0x20;
				if (kind !== 0x74 && kind !== 0x77) continue;
				if (open.length > 0) {
					const address = low(line.slice(0, 16));
					if (address !== open[0]?.from) {
						for (const range of open) range.to = address;
						open = [];
					}
				}
				const stop = line.search(/[.\t]/);
				const name = wanted.get(line.slice(19, stop < 19 ? undefined : stop));
				if (name === undefined) continue;
				const range = { from: low(line.slice(0, 16)), to: 0, name };
				open.push(range);
				ranges.push(range);
			}
			from = end;
			await new Promise((resolve) => setImmediate(resolve));
		}
		this.ranges = ranges.filter(({ from, to }) => from > 0 && to > from).sort((a, b) => a.from - b.from);
		this.known.clear();
		this.loaded = true;
		return this.ranges.length > 0;
	}

	/** The function that holds an address (its low 32 bits); undefined: none of those that were asked for. */
	at(address: number): string | undefined {
		if (this.known.has(address)) return this.known.get(address);
		let [first, last] = [0, this.ranges.length - 1];
		let name: string | undefined;
		while (first <= last) {
			const middle = (first + last) >> 1;
			const range = this.ranges[middle] as Range;
			if (address < range.from) last = middle - 1;
			else if (address >= range.to) first = middle + 1;
			else {
				name = range.name;
				break;
			}
		}
		if (this.known.size >= 50_000) this.known.clear();
		this.known.set(address, name);
		return name;
	}
}
