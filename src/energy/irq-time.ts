/** Time that CPUs spent in interrupts, from the first line of `/proc/stat`. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Ns } from '../units.ts';
import { clockTicksPerSecond, parseMachineStat, ticksToNs } from './proc-stat.ts';

/** The kernel counts in ns and shows clock ticks: what is cut off comes with a later read. */
export class IrqTime {
	private readonly path: string;
	private readonly ticks = clockTicksPerSecond();
	private last: number;

	constructor(procRoot: string) {
		this.path = join(procRoot, 'stat');
		this.last = this.now() ?? 0;
	}

	/** Since the last read; 0 where it cannot be read. */
	read(): Ns {
		const now = this.now();
		if (now === undefined) return 0;
		const gained = Math.max(0, now - this.last);
		this.last = now;
		return ticksToNs(gained, this.ticks);
	}

	private now(): number | undefined {
		try {
			const text = readFileSync(this.path);
			const times = parseMachineStat(text, Math.min(text.length, 2048));
			return times && times.irq + times.softirq;
		} catch {
			return undefined;
		}
	}
}
