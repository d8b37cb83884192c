/** Sorts numbers: many in linear time (radix sort on their bits), few by comparison; and finds the largest. Pure. */

/** Bits of one pass. Six passes cover all 64, least significant first; each is stable. */
const DIGIT = 11;
const MASK = 2 ** DIGIT - 1;
/** 32-bit halves of a number in memory, the lower first (little-endian), and the digits in each. */
const passes = [0, 1].flatMap((half) => [0, DIGIT, 2 * DIGIT].map((shift) => ({ half, shift })));
const SIGN = 0x8000_0000;

/** Below, comparing takes less time than going through the counts of all digits in each pass. */
const FEW = 1000;

/** Indices of the numbers, the smallest first; equal ones keep their order. NaN is not allowed. */
export function ascending(numbers: Float64Array): Uint32Array {
	const { length } = numbers;
	if (length < FEW)
		return Uint32Array.from(numbers.keys()).sort((a, b) => {
			const [left, right] = [numbers[a] as number, numbers[b] as number];
			// not their difference: that of two infinite numbers is none
			return left < right ? -1 : left > right ? 1 : 0;
		});
	const bits = comparable(numbers);
	const counts = new Uint32Array(MASK + 1);
	let order = Uint32Array.from(numbers.keys());
	let sorted = new Uint32Array(length);
	for (const { half, shift } of passes) {
		const digitOf = (place: number): number => ((bits[2 * place + half] as number) >>> shift) & MASK;
		counts.fill(0);
		for (let place = 0; place < length; place++) counts[digitOf(place)] = (counts[digitOf(place)] as number) + 1;
		if (counts[digitOf(0)] === length) continue;
		let before = 0;
		for (let digit = 0; digit <= MASK; digit++) {
			const count = counts[digit] as number;
			counts[digit] = before;
			before += count;
		}
		for (let at = 0; at < length; at++) {
			const place = order[at] as number;
			const digit = digitOf(place);
			sorted[counts[digit] as number] = place;
			counts[digit] = (counts[digit] as number) + 1;
		}
		[order, sorted] = [sorted, order];
	}
	return order;
}

/** The bits of each number, mapped so that their order as unsigned integers is the order of the numbers. */
function comparable(numbers: Float64Array): Uint32Array {
	// 0 and -0 are equal
	const bits = new Uint32Array(numbers.map((number) => number + 0).buffer);
	for (let high = 1; high < bits.length; high += 2) {
		const word = bits[high] as number;
		const negative = word >= SIGN;
		bits[high] = negative ? ~word : word | SIGN;
		if (negative) bits[high - 1] = ~(bits[high - 1] as number);
	}
	return bits;
}

/** The items with the largest figures, the largest first, of equal ones the earlier first: few of many, without sorting all. */
export function largest<Item>(items: Iterable<Item>, count: number, figure: (item: Item) => number): Item[] {
	const found: { item: Item; value: number }[] = [];
	for (const item of items) {
		const value = figure(item);
		const last = found[count - 1];
		if (last ? value <= last.value : count < 1) continue;
		let at = found.length;
		while (at > 0 && (found[at - 1] as { value: number }).value < value) at--;
		found.splice(at, 0, { item, value });
		if (found.length > count) found.pop();
	}
	return found.map(({ item }) => item);
}
