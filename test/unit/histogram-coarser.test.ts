import { expect, test } from 'vitest';
import { slotCount, slotLower } from '../../src/lib/histogram.ts';

/** hist_coarser() of bpf/lib/hist.bpf.h. */
function coarserInKernel(slot: number, subBits: number, coarser: number): number {
	const result = slot ? 1 + ((slot - 1) >> (subBits - coarser)) : 0;
	return Math.min(result, slotCount(coarser) - 1);
}

test('a slot lies wholly in the coarser slot that it is mapped to', () => {
	const fine = slotCount(4);
	const coarse = slotCount(2);
	for (let slot = 0; slot < fine; slot++) {
		const mapped = coarserInKernel(slot, 4, 2);
		expect(slotLower(slot, fine)).toBeGreaterThanOrEqual(slotLower(mapped, coarse));
		expect(slotLower(slot + 1, fine)).toBeLessThanOrEqual(slotLower(mapped + 1, coarse));
	}
});
