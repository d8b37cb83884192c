/** The selected bar of the histograms, and the unit of their bars. Pure. */
import { formatNs } from '../../lib/format.ts';
import { type Band, boundsOf, lastSlot } from '../../lib/histogram.ts';
import type { Ns } from '../../lib/units.ts';

/** Slots of ns below this are always empty. */
const firstNsSlot = 7;

/** The bar beside the selected one; at first that of about 1 to 2 ms. */
export function nextBand(band: Band | null, unit: Ns, step: 1 | -1): Band {
	if (!band) return { unit, slot: Math.max(1, Math.ceil(Math.log2(1e6 / unit))) };
	const least = band.unit === 1 ? firstNsSlot : 0;
	return { ...band, slot: Math.max(least, Math.min(lastSlot(band.unit), band.slot + step)) };
}

/** In words, after `times`. */
export function bandText(band: Band): string {
	const { from, to } = boundsOf(band);
	return to === Number.POSITIVE_INFINITY
		? `of ${formatNs(from)} and more`
		: `from ${formatNs(from)} to ${formatNs(to)}`;
}

/** µs, or ms after µs. */
export function otherUnit(unit: Ns): Ns {
	return unit === 1e3 ? 1e6 : 1e3;
}
