/** Completed requests of all disks, from `/proc/diskstats`, for the forecast. */
import { join } from 'node:path';
import { readKept } from '../../lib/kept-files.ts';
import type { Count } from '../../lib/units.ts';

export class IoCount {
	private readonly path: string;
	private last: number | undefined;

	constructor(procRoot: string) {
		this.path = join(procRoot, 'diskstats');
		this.last = this.now();
	}

	/** Reads and writes since the last call, partitions counted again; undefined: not counted. */
	read(): Count | undefined {
		const before = this.last;
		this.last = this.now();
		return before === undefined || this.last === undefined ? undefined : Math.max(0, this.last - before);
	}

	private now(): number | undefined {
		try {
			let sum = 0;
			for (const line of readKept(this.path).split('\n')) {
				const fields = line.trim().split(/ +/);
				sum += Number(fields[3] ?? 0) + Number(fields[7] ?? 0);
			}
			return Number.isFinite(sum) ? sum : undefined;
		} catch {
			return undefined;
		}
	}
}
