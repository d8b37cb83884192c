/** The bounds of counters.ts as assertions of a test. */
import { expect } from 'vitest';
import { between, type Sample } from './counters.ts';
import { seconds } from './host.ts';

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

/** Between two looks at whether it is long enough, s. */
const STEP = 0.5;

/**
 * Two samples so far apart that of each key more than `enough` happened, and the reads leave open half of the tolerance at
 * most; `patience` s at most, since on a busy machine a wait that ends during a read is long.
 */
export async function sampleTwice(
	take: () => Sample,
	keys: readonly string[],
	{ enough, tolerance, patience }: { enough: number; tolerance: number; patience: number },
): Promise<[from: Sample, to: Sample]> {
	const from = take();
	const deadline = performance.now() + patience * 1000;
	for (;;) {
		await seconds(STEP);
		const to = take();
		const isSharp = keys.every((key) => {
			const { least, most } = between(from, to, key);
			return least > enough && most - least <= (least * tolerance) / 2;
		});
		if (isSharp || performance.now() > deadline) return [from, to];
	}
}
