/** The bounds of counters.ts as assertions of a test. */
import { expect } from 'vitest';
import { between, type Sample } from './counters.ts';

export * from './counters.ts';

/**
 * `slack`: what one side may have counted and the other not yet at the moment of a read (one event on each CPU).
 * @param tolerance share by which ours may be off, 0–1
 * @param hidden share that we may miss beyond that
 */
export function expectAgreement(
	from: Sample,
	to: Sample,
	keys: string | string[],
	tolerance: number,
	slack: number,
	hidden = 0,
): void {
	const { ours, least, most, text } = between(from, to, ...[keys].flat());
	expect(ours, text).toBeGreaterThanOrEqual(least * (1 - tolerance - hidden) - slack);
	expect(ours, text).toBeLessThanOrEqual(most * (1 + tolerance) + slack);
}
