/** Order of numbers: few are compared, many go through a radix sort, both with the same result. */
import { expect, test } from 'vitest';
import { ascending, largest } from '../../src/lib/order.ts';

test.each([0, 1, 2, 999, 1000, 3000])('%i numbers with equal, negative and infinite ones', (count) => {
	const special = [
		0,
		-0,
		Number.POSITIVE_INFINITY,
		Number.NEGATIVE_INFINITY,
		Number.MIN_VALUE,
		-Number.MAX_VALUE,
		1,
		-1,
	];
	const numbers = Float64Array.from({ length: count }, (_, at) =>
		at % 3 === 0 ? (special[(at / 3) % special.length] as number) : Math.sin(at) * 10 ** (at % 20),
	);
	const expected = Array.from(numbers.keys()).sort((a, b) => {
		const [left, right] = [numbers[a] as number, numbers[b] as number];
		return left === right ? a - b : left < right ? -1 : 1;
	});
	expect(Array.from(ascending(numbers))).toEqual(expected);
});

test.each([0, 1, 3, 50])('the %i largest of many, as sorting finds them', (count) => {
	const items = Array.from({ length: 500 }, (_, at) => ({ at, figure: Math.floor(Math.abs(Math.sin(at)) * 20) }));
	const sorted = items.toSorted((a, b) => b.figure - a.figure).slice(0, count);
	expect(largest(items, count, ({ figure }) => figure)).toEqual(sorted);
});
