/** Which segments go at a roll. Pure. */
import type { Bytes } from '../lib/units.ts';
import type { OwnSegment } from './folder.ts';

export interface Limits {
	/** Of the segments as measured, and of the merged ones; ms. */
	age: number;
	lowAge: number;
	/** Of all segments, the active ones included. */
	bytes: Bytes;
	/** To stay free on the file system. */
	free: Bytes;
}

/** By default 5 % of the file system stay free, or a gigabyte where that is less. */
export function defaultFree(size: Bytes): Bytes {
	return Math.min(size / 20, 2 ** 30);
}

/**
 * @param segments in the order of recording
 * @param active names of those that are being written: they stay
 * @param now wall clock, ms
 * @param free bytes of the file system
 * @returns those to remove, the oldest first
 */
export function expired(
	segments: readonly OwnSegment[],
	active: readonly string[],
	now: number,
	free: Bytes,
	limits: Limits,
): OwnSegment[] {
	const old = segments.filter(({ name }) => !active.includes(name));
	const gone = new Set<OwnSegment>();
	// a segment ends where the next one of its tier begins
	for (const [index, segment] of old.entries()) {
		const next = old[index + 1];
		const end = next?.tier === segment.tier ? next.wall : now;
		// a clock that was set back makes a segment younger than now: it stays until the clock has passed it
		if (now - end > (segment.tier === 'seg' ? limits.age : limits.lowAge)) gone.add(segment);
	}
	let bytes = segments.reduce((sum, one) => sum + (gone.has(one) ? 0 : one.bytes), 0);
	let left = free + [...gone].reduce((sum, one) => sum + one.bytes, 0);
	// merged ones are small and reach far back: they go last
	const byWorth = [...old].sort((a, b) => Number(a.tier === 'low') - Number(b.tier === 'low'));
	for (const segment of byWorth) {
		if (bytes <= limits.bytes && left >= limits.free) break;
		if (gone.has(segment)) continue;
		gone.add(segment);
		bytes -= segment.bytes;
		left += segment.bytes;
	}
	return old.filter((segment) => gone.has(segment));
}
