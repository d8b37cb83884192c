/** Why CPUs did not tick: time that the hypervisor took, from /proc/stat, and what ran meanwhile. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type SafeText, safe } from '../../lib/sanitize.ts';
import type { Ns } from '../../lib/units.ts';

/** /proc/stat counts in hundredths of a second, on every architecture. */
const STAT_NS = 1e7;
/** Position of `steal` behind the name of the CPU. */
const STEAL = 7;

/** Stolen time since boot by CPU. */
export function parseSteal(stat: string): Map<number, Ns> {
	const steal = new Map<number, Ns>();
	for (const line of stat.split('\n')) {
		const found = /^cpu(\d+) (.*)$/.exec(line);
		if (found) steal.set(Number(found[1]), Number((found[2] as string).split(' ')[STEAL]) * STAT_NS);
	}
	return steal;
}

/** The gaps of one CPU in one interval. */
export interface Gaps {
	sum_ns: Ns;
	/** The CPU switched tasks during a gap: interrupts were on. */
	switched: boolean;
}

/**
 * Stolen: the hypervisor took half of the gaps' time, or more; its clock has steps of 10 ms. Without steal, a CPU that
 * switched tasks during the gap had interrupts on: its timer was late. `GAP`: neither can be told.
 */
export function verdict({ sum_ns, switched }: Gaps, stolen_ns: Ns | undefined): SafeText {
	if (stolen_ns !== undefined && stolen_ns + STAT_NS >= sum_ns / 2 && stolen_ns >= STAT_NS) return safe`STOLEN`;
	if (stolen_ns === undefined) return safe`GAP`;
	return switched ? safe`TIMER_LATE` : safe`IRQS_OFF`;
}

export class StealReader {
	private readonly path: string;
	private before: Map<number, Ns> | undefined;

	constructor(procRoot: string) {
		this.path = join(procRoot, 'stat');
		this.read();
	}

	/** Stolen since the last call, by CPU; empty: not known. */
	read(): Map<number, Ns> {
		const before = this.before;
		try {
			this.before = parseSteal(readFileSync(this.path, 'latin1'));
		} catch {
			this.before = undefined;
		}
		if (!before || !this.before) return new Map();
		return new Map(Array.from(this.before, ([cpu, ns]) => [cpu, ns - (before.get(cpu) ?? ns)]));
	}
}
