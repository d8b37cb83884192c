/** Binary search. Pure. */

/**
 * The first of `count` indices for which a condition holds; `count`: for none. Where it holds for an index, it must hold for
 * all behind it.
 */
export function firstIndex(count: number, holds: (index: number) => boolean): number {
	let low = 0;
	let high = count;
	while (low < high) {
		const middle = (low + high) >> 1;
		if (holds(middle)) high = middle;
		else low = middle + 1;
	}
	return low;
}
