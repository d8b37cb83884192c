/** Counts of ours against the kernel's, as assertions of a check. */
import assert from 'node:assert/strict';
import { between, type Sample } from '../../truth/counters.ts';

/** Of a reading, those that are not 0. */
export function losses(lost: Readonly<Record<string, number>>): Record<string, number> {
	return Object.fromEntries(Object.entries(lost).filter(([, count]) => count !== 0));
}

/**
 * For events of this check alone: our count equals the kernel's, or the difference was counted as lost.
 * @param named events that were reported as lost, and runs that the kernel skipped
 */
export function agreeExactly(what: string, ours: number, kernel: number, named = 0): void {
	const text = `${what}: ours ${ours}, the kernel's ${kernel}, lost and reported ${named}`;
	assert.ok(ours <= kernel, text);
	assert.ok(kernel - ours <= named, text);
}

/**
 * What the whole machine does: ours lies between the kernel's counts around it.
 * @param slack what one side may have and the other not yet
 */
export function agreeWithin(
	from: Sample,
	to: Sample,
	keys: string | readonly string[],
	slack: number,
	named = 0,
): void {
	const { ours, least, most, text } = between(from, to, ...[keys].flat());
	assert.ok(ours >= least - slack - named, `${text}; lost and reported ${named}`);
	assert.ok(ours <= most + slack, text);
}
