/**
 * Counters of ours against counters of the kernel. The two cannot be read at the same instant, so the kernel's are read
 * right before and right after ours: what happened between our two reads lies between the bounds these four give,
 * whatever else the machine does. Nothing but the stated tolerance comes on top.
 */
import { expect } from 'vitest';

export type Counters = Map<string, number>;

/** The kernel's counters right before and right after ours. */
export interface Sample {
	before: Counters;
	ours: Counters;
	after: Counters;
}

export function sample(kernel: () => Counters, ours: () => Counters): Sample {
	const before = kernel();
	return { before, ours: ours(), after: kernel() };
}

const of = (counters: Counters, key: string): number => counters.get(key) ?? 0;

/**
 * `ours` holds totals since start. `slack` events may be counted by one side and not yet by the other at either read
 * (one on each CPU).
 */
export function expectAgreement(from: Sample, to: Sample, key: string, tolerance: number, slack: number): void {
	const ours = of(to.ours, key) - of(from.ours, key);
	const least = Math.max(0, of(to.before, key) - of(from.after, key));
	const most = of(to.after, key) - of(from.before, key);
	const text = `${key}: ours ${ours}, the kernel's ${least}..${most}`;
	expect(ours, text).toBeGreaterThanOrEqual(least * (1 - tolerance) - slack);
	expect(ours, text).toBeLessThanOrEqual(most * (1 + tolerance) + slack);
}

/** What the kernel counted at least between two samples. */
export function happened(from: Sample, to: Sample, key: string): number {
	return Math.max(0, of(to.before, key) - of(from.after, key));
}
