/** Pressure stall information: time in which tasks were stalled for lack of CPU, memory or IO, from `/proc/pressure`. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type SafeText, safe, sanitize } from '../lib/sanitize.ts';
import type { Ns } from '../lib/units.ts';
import { kernelText, procOption, whyHidden } from './kernel-text.ts';

/** Of the interval: time in which at least one task (`some`), or all runnable ones (`full`), were stalled. */
export interface Stall {
	some_ns: Ns;
	full_ns: Ns;
}

export const resources = ['cpu', 'memory', 'io', 'irq'] as const;
export type Resource = (typeof resources)[number];

/** By resource; missing: the kernel does not report it (`irq` before 6.1). */
export type Pressure = Partial<Record<Resource, Stall>>;

/** Totals since boot, ns. Lines are `some avg10=0.00 avg60=0.00 avg300=0.00 total=12345`, total in µs. */
export function parsePressure(text: string): Stall {
	const total = (kind: string): Ns => 1e3 * Number(new RegExp(`^${kind} .*total=(\\d+)`, 'm').exec(text)?.[1] ?? 0);
	return { some_ns: total('some'), full_ns: total('full') };
}

/** Differences of the kernel's totals between two reads. */
export class PressureReader {
	private readonly procRoot: string;
	private before: Pressure;

	constructor(procRoot: string) {
		this.procRoot = procRoot;
		this.before = this.totals();
	}

	/** Since the last read; null where the kernel has no PSI (no CONFIG_PSI, or off at boot). */
	read(): Pressure | null {
		const totals = this.totals();
		const entries = resources.flatMap((resource) => {
			const [now, before] = [totals[resource], this.before[resource]];
			if (!now || !before) return [];
			const [some_ns, full_ns] = [now.some_ns - before.some_ns, now.full_ns - before.full_ns];
			return [[resource, { some_ns: Math.max(0, some_ns), full_ns: Math.max(0, full_ns) }] as const];
		});
		this.before = totals;
		return entries.length > 0 ? Object.fromEntries(entries) : null;
	}

	/** Why {@link read} has nothing. */
	why(): SafeText {
		const subset = procOption(this.procRoot, 'subset');
		if (subset !== undefined) return safe`no /proc/pressure: proc is mounted with subset=${sanitize(subset)}`;
		const hidden = existsSync(join(this.procRoot, 'pressure')) ? whyHidden(this.procRoot, 'pressure') : undefined;
		return hidden ?? safe`no /proc/pressure: kernel without CONFIG_PSI, or psi=0`;
	}

	private totals(): Pressure {
		return Object.fromEntries(
			resources.flatMap((resource) => {
				// reading also fails where PSI is compiled in but off; lxcfs has the container's own figures there
				const text = kernelText(this.procRoot, join('pressure', resource));
				return text === undefined ? [] : [[resource, parsePressure(text)]];
			}),
		);
	}
}
