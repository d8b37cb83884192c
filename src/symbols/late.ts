/**
 * Symbols that come later than the file that they belong to: compressed ones (`.gnu_debugdata`), and those of a debuginfod server
 * where the user named one. Until then the file has the names that it exports.
 */
import type { Count } from '../lib/units.ts';
import type { Debuginfod } from './debuginfod.ts';
import { MemoryBytes } from './elf.ts';
import { tableIn } from './symbol-file.ts';
import type { SymbolTable } from './table.ts';
import { decompressXz } from './xz.ts';

/** Of one table; those of Chromium's size have 20 MB. */
const MAX_TABLE = 64 << 20;
/** Of all tables of a profile: files of others must not keep this process busy. */
const MAX_ALL = 256 << 20;

/** Files whose symbols were asked for, found, and refused (damaged, or beyond a limit). */
export interface LateCounts {
	asked: Count;
	found: Count;
	refused: Count;
}

/** A file that gets names later. */
export interface Unnamed {
	readonly buildId: string;
	adopt(table: SymbolTable): void;
}

export class LateSymbols {
	/** Grows with each file whose symbols came: names that were given before may be better now. */
	generation = 0;
	/** Of `.gnu_debugdata`. */
	readonly compressed: LateCounts = { asked: 0, found: 0, refused: 0 };
	readonly server: Debuginfod | undefined;
	private expanded = 0;
	private readonly open = new Set<Promise<void>>();

	/** @param server undefined: none is asked */
	constructor(server?: Debuginfod) {
		this.server = server;
	}

	/** Files whose symbols may still come. */
	get pending(): Count {
		return this.open.size;
	}

	/** @param packed `.gnu_debugdata` of the file; undefined: it has none */
	add(module: Unnamed, packed: Uint8Array | undefined): void {
		if (!packed && !(this.server && module.buildId !== '')) return;
		const work = this.find(module, packed).finally(() => this.open.delete(work));
		this.open.add(work);
	}

	/** Resolves when nothing is pending any more, or at the signal. */
	async settled(signal: AbortSignal): Promise<void> {
		const stopped = new Promise<void>((resolve) => {
			if (signal.aborted) resolve();
			signal.addEventListener('abort', () => resolve(), { once: true });
		});
		while (this.open.size > 0 && !signal.aborted) await Promise.race([stopped, Promise.all(this.open)]);
	}

	private async find(module: Unnamed, packed: Uint8Array | undefined): Promise<void> {
		const table = (packed && (await this.unpacked(packed))) ?? (await this.fetched(module.buildId));
		if (!table) return;
		module.adopt(table);
		this.generation++;
	}

	private async unpacked(packed: Uint8Array): Promise<SymbolTable | undefined> {
		const { compressed } = this;
		compressed.asked++;
		try {
			const limit = Math.min(MAX_TABLE, MAX_ALL - this.expanded);
			// what is expanded at the same time counts before it is known
			this.expanded += Math.min(limit, packed.length * 4);
			const bytes = await decompressXz(packed, limit);
			this.expanded += Math.max(0, bytes.length - packed.length * 4);
			const table = tableIn(new MemoryBytes(bytes));
			if (table) compressed.found++;
			else compressed.refused++;
			return table;
		} catch {
			compressed.refused++;
			return undefined;
		}
	}

	private async fetched(buildId: string): Promise<SymbolTable | undefined> {
		return buildId === '' ? undefined : this.server?.tableOf(buildId);
	}
}
