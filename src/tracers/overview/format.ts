/** Figures in findings: formatted as in tables, percentages from 10 on as whole numbers. */
import { formatCount, formatNs, formatRate, formatWatts } from '../../lib/format.ts';
import type { SafeText } from '../../lib/sanitize.ts';
import type { Count, Ns, Watts } from '../../lib/units.ts';

// the results are safe: formatters use numbers only

/** 0–1 */
export const percent = (share: number): SafeText => {
	const tenths = Math.round(share * 1000);
	return `${tenths < 100 ? tenths / 10 : Math.round(share * 100)}%` as SafeText;
};
export const duration = (ns: Ns): SafeText => formatNs(ns) as SafeText;
export const count = (value: Count): SafeText => formatCount(value) as SafeText;
/** `1 thread`, `3 threads`. */
export const counted = (value: Count, one: SafeText): SafeText =>
	`${count(value)} ${one}${value === 1 ? '' : 's'}` as SafeText;
export const perSecond = (rate: number): SafeText => `${formatRate(rate)}/s` as SafeText;
export const watts = (value: Watts): SafeText => formatWatts(value) as SafeText;
/** One digit: `6.1`. */
export const number = (value: number): SafeText => value.toFixed(1) as SafeText;
