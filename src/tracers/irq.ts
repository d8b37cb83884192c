import type { SafeText } from '../sanitize.ts';
import type { Count, Ns } from '../units.ts';
import type { Buckets } from '../histogram.ts';

export interface IrqRow {
	kind: 'hard' | 'soft' | 'vector';
	/** IRQ number for `hard`; vector number for `soft`; null for `vector`. */
	irq: number | null;
	/** Handler (action) name, softirq or vector name. */
	name: SafeText;
	cpu: number | 'all';
	count: Count;
	time_ns: Ns;
	p99_ns: Ns;
	max_ns: Ns;
	buckets: Buckets;
	count_total: Count;
	time_ns_total: Ns;
}

export interface IrqExtra {
	/** Share of one CPU's interval spent in interrupts, one entry per CPU, 0–1. */
	cpu_share: { cpu: number; hard: number; soft: number; vector: number }[];
}
