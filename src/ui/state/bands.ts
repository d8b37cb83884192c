/** Which bar of a histogram is looked at, and what bars are powers of two of. Pure. */
import { formatNs } from '../../lib/format.ts';
import { type Band, boundsOf, lastSlot } from '../../lib/histogram.ts';
import type { Ns } from '../../lib/units.ts';

/** Slots of ns below this hold nothing. */
const firstNsSlot = 7;

/** The bar beside the one looked at; at first that of about 1 to 2 ms. */
export function nextBand(band: Band | null, unit: Ns, step: 1 | -1): Band {
	if (!band) return { unit, slot: Math.max(1, Math.ceil(Math.log2(1e6 / unit))) };
	const least = band.unit === 1 ? firstNsSlot : 0;
	return { ...band, slot: Math.max(least, Math.min(lastSlot(band.unit), band.slot + step)) };
}

/** In words, behind `times`. */
export function bandText(band: Band): string {
	const { from, to } = boundsOf(band);
	return to === Number.POSITIVE_INFINITY
		? `of ${formatNs(from)} and more`
		: `from ${formatNs(from)} to ${formatNs(to)}`;
}

/** µs or ms. */
export function otherUnit(unit: Ns): Ns {
	return unit === 1e3 ? 1e6 : 1e3;
}
