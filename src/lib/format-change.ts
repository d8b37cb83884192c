/** Amounts of different measures, and changes, as text. */
import { formatBytes, formatNs, formatRate, formatShare, formatWatts } from './format.ts';
import { type SafeText, safe, sanitize } from './sanitize.ts';

export type Measure = 'share' | 'watts' | 'rate' | 'bytes' | 'ns';

const formats: Readonly<Record<Measure, (value: number) => string>> = {
	share: formatShare,
	watts: formatWatts,
	rate: (value) => `${formatRate(value)}/s`,
	bytes: (value) => `${formatBytes(value)}/s`,
	ns: formatNs,
};

/** `–`: not known. */
export function formatAmount(value: number | null, measure: Measure): SafeText {
	return value === null ? safe`–` : sanitize(formats[measure](value));
}

/** A ratio as a change: `+20%`, `-3.1%`, `×12`; `–`: not known. */
export function formatRatio(ratio: number | null): SafeText {
	if (ratio === null || !Number.isFinite(ratio)) return safe`–`;
	if (ratio >= 10) return sanitize(`×${ratio >= 1000 ? '>999' : Math.round(ratio)}`);
	const percent = (ratio - 1) * 100;
	const digits = Math.abs(percent) < 9.95 ? 1 : 0;
	return sanitize(`${percent > 0 ? '+' : percent < 0 ? '-' : ''}${Math.abs(percent).toFixed(digits)}%`);
}
