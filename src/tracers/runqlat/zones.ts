/** Coarse classes of waits: by default 0–10 µs, 10–100 µs, 100 µs–1 ms, 1 ms and more; and powers of two. Pure. */
import { type Buckets, type Filled, LOG2_SLOTS, log2Slot, type Slots, slotLower } from '../../lib/histogram.ts';
import type { Count, Ns } from '../../lib/units.ts';

export const DEFAULT_ZONES = '10,100,1000';
const MAX_LIMITS = 7;

/** Limits between zones from `10,100,1000` (µs), ns; undefined: not valid. */
export function parseZones(text: string): Ns[] | undefined {
	const limits = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part) * 1000));
	const rising = limits.every((limit, index) => limit > (limits[index - 1] ?? 0) && limit <= 2 ** 36);
	return rising && limits.length <= MAX_LIMITS ? limits : undefined;
}

/** The error in the option; undefined: none. */
export function invalidZones(text: string): string | undefined {
	return parseZones(text) ? undefined : `'${text}' is not one to seven rising times in µs, as ${DEFAULT_ZONES}`;
}

/** The slot that begins at a limit, which is rounded to the nearest bound of the histogram. */
function slotAt(limit: Ns, length: number): number {
	let slot = 1;
	while (slot < length - 1 && slotLower(slot, length) < limit) slot++;
	return limit - slotLower(slot - 1, length) < slotLower(slot, length) - limit ? slot - 1 : slot;
}

/** By the list of limits, of which there is one at a time, and length of the histogram. */
const known = new WeakMap<readonly Ns[], Map<number, number[]>>();

function boundsOf(limits: readonly Ns[], length: number): readonly number[] {
	let lengths = known.get(limits);
	if (!lengths) {
		lengths = new Map();
		known.set(limits, lengths);
	}
	let bounds = lengths.get(length);
	if (!bounds) {
		bounds = limits.map((limit) => slotAt(limit, length));
		lengths.set(length, bounds);
	}
	return bounds;
}

/** Waits per zone, one more than limits. A limit is off by at most half a slot (3 % system-wide, else 12.5 %). */
export function zonesOf(slots: Slots, limits: readonly Ns[], filled?: Filled): Count[] {
	const bounds = boundsOf(limits, slots.length);
	const counts: Count[] = new Array(limits.length + 1).fill(0);
	const { length } = filled ?? slots;
	let zone = 0;
	for (let i = 0; i < length; i++) {
		const slot = filled ? (filled[i] as number) : i;
		if (slots[slot] === 0) continue;
		while (zone < bounds.length && slot >= (bounds[zone] as number)) zone++;
		counts[zone] = (counts[zone] as number) + (slots[slot] as number);
	}
	return counts;
}

/** Counts in powers of two of `unit` (1e3: µs, 1e6: ms): the first slot is below 2 units, the last one open. */
export function log2Slots(buckets: Buckets, unit: Ns): Count[] {
	const counts: Count[] = new Array(LOG2_SLOTS).fill(0);
	for (const [upper, count] of buckets) {
		const slot = log2Slot(upper, unit);
		counts[slot] = (counts[slot] as number) + count;
	}
	return counts;
}
