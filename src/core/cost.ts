/** Cost of BPF programs: of those of one tab, and of several together. */
import type { Cost } from './snapshot.ts';

/** The part of a cost that is of BPF programs. */
export type ProgramsCost = Pick<
	Cost,
	'bpf_ns' | 'bpf_runs' | 'bpf_measured_ns' | 'bpf_price_age_ns' | 'bpf_uncertainty' | 'bpf_why'
>;

/** A part of a sum; null: not known. The uncertainty is relative: 0.1 is ±10 %. */
export interface Estimate {
	value: number | null;
	uncertainty: number | null;
}

/**
 * Error of a sum, in the unit of its parts; null: that of one is not known. Errors are added as if all had the same sign,
 * which is the worst case: nothing says that they are independent.
 */
export function summedError(parts: Iterable<Estimate>): number | null {
	let error = 0;
	for (const { value, uncertainty } of parts) {
		if (value === 0) continue;
		if (value === null || uncertainty === null) return null;
		error += value * uncertainty;
	}
	return error;
}
