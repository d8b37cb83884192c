/**
 * Numbers as text: three significant digits and a unit, at most as wide as requested. Nothing here throws; anything but a
 * finite number becomes `–`.
 */
import type { SafeText } from './sanitize.ts';
import type { Bytes, Count, MicroJoules, Ns, Watts } from './units.ts';
import { truncate } from './width.ts';

/** Format of a column's values: determines unit, alignment and the words in help. */
export type ColumnKind =
	| 'text'
	| 'pid'
	| 'count'
	| 'rate'
	| 'ns'
	| 'microjoules'
	| 'watts'
	| 'bytes'
	| 'bytes-rate'
	| 'share'
	| 'clock';

const missing = '–';

/** Three significant digits without exponent, for 0 ≤ value < 10,000. */
function digits(value: number): string {
	const size = Math.abs(value);
	return value.toFixed(size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2);
}

interface Unit {
	/** Value of one unit in the base unit. */
	size: number;
	suffix: string;
}

/** By suffix, the smallest first. */
function unitsOf(sizes: Readonly<Record<string, number>>): readonly Unit[] {
	return Object.entries(sizes).map(([suffix, size]) => ({ size, suffix }));
}

/** In the largest unit in which the value is at least 1 after rounding, else in the smallest. */
function scaled(value: number, units: readonly Unit[], wholeBelow?: number): string {
	if (!Number.isFinite(value)) return missing;
	const size = Math.abs(value);
	let unit = units[0] as Unit;
	for (const candidate of units) if (size >= candidate.size * 0.9995) unit = candidate;
	const amount = value / unit.size;
	const whole = wholeBelow !== undefined && unit.size <= wholeBelow;
	return (whole ? String(Math.round(amount)) : digits(amount)) + unit.suffix;
}

const time = unitsOf({ ns: 1, µs: 1e3, ms: 1e6, s: 1e9, min: 6e10, h: 3.6e12, d: 8.64e13 });

/** `1.23ms` */
export function formatNs(ns: Ns): string {
	return ns === 0 ? '0' : scaled(ns, time, 1);
}

const thousands = unitsOf({ '': 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15 });

/** In full up to five digits, then `123k`. */
export function formatCount(count: Count, width = 5): string {
	if (!Number.isFinite(count)) return missing;
	const full = String(Math.round(count));
	return full.length <= Math.min(width, 7) ? full : scaled(count, thousands, 1);
}

/** A number with its noun: `1 stack`, `2 stacks`. */
export function counted(count: Count, one: string, many = `${one}s`): string {
	return `${count} ${count === 1 ? one : many}`;
}

/** Events per second: `0.25`, `12.3`, `1.23k`. */
export function formatRate(rate: number): string {
	return rate === 0 ? '0' : scaled(rate, thousands);
}

const watts = unitsOf({ µW: 1e-6, mW: 1e-3, W: 1, kW: 1e3 });

/** `12.3W`; power below half a µW is `0`. */
export function formatWatts(value: Watts): string {
	return Math.abs(value) < 5e-7 ? '0' : scaled(value, watts);
}

const joules = unitsOf({ µJ: 1, mJ: 1e3, J: 1e6, kJ: 1e9, MJ: 1e12 });

/** `1.23J`, from µJ. */
export function formatMicroJoules(value: MicroJoules): string {
	return value === 0 ? '0' : scaled(value, joules, 1);
}

const binary = unitsOf({ B: 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40, P: 2 ** 50 });

/** KiB, MiB, …: `1.50M`, explained by the column's help; with `full` `1.50MiB`. */
export function formatBytes(bytes: Bytes, unit: 'short' | 'full' = 'short'): string {
	if (bytes === 0) return '0';
	const text = scaled(bytes, binary, 1);
	return unit === 'full' && /[KMGTP]$/.test(text) ? `${text}iB` : text;
}

/** 0–1 as percent: `12.3%`; more than one CPU gives more than 100 %. */
export function formatShare(share: number): string {
	if (!Number.isFinite(share)) return missing;
	const percent = share * 100;
	if (percent === 0) return '0%';
	if (Math.abs(percent) < 0.005) return '<0.01%';
	return `${Math.abs(percent) >= 99.95 ? percent.toFixed(0) : Math.abs(percent) >= 0.0995 ? percent.toFixed(1) : percent.toFixed(2)}%`;
}

/** Uptime and ages: `3d04h`, `4h05m`, `5m06s`, `7s`. */
export function formatDuration(seconds: number): string {
	if (!Number.isFinite(seconds) || seconds < 0) return missing;
	const whole = Math.floor(seconds);
	const two = (n: number) => String(n).padStart(2, '0');
	const [d, h, m, s] = [
		Math.floor(whole / 86400),
		Math.floor(whole / 3600) % 24,
		Math.floor(whole / 60) % 60,
		whole % 60,
	];
	if (d > 0) return `${d}d${two(h)}h`;
	if (h > 0) return `${h}h${two(m)}m`;
	return m > 0 ? `${m}m${two(s)}s` : `${s}s`;
}

const bars = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/** The last `width` figures as bars, the newest on the right, scaled to the largest of all. Not finite: `·`. */
export function sparkline(values: readonly number[], width: number): SafeText {
	const most = Math.max(0, ...values.filter(Number.isFinite));
	const glyphs = values.slice(-width).map((value) => {
		if (!Number.isFinite(value)) return '·';
		return bars[value > 0 && most > 0 ? Math.max(1, Math.round((value / most) * 8)) : 0] as string;
	});
	return glyphs.join('').padStart(width) as SafeText;
}

/** `14:02:31`, local, of seconds since 1970. */
function formatClock(value: number): string {
	const time = new Date(value * 1000);
	return Number.isNaN(time.getTime()) ? missing : time.toTimeString().slice(0, 8);
}

const formats: Readonly<Record<ColumnKind, (value: number, width: number) => string>> = {
	text: String,
	pid: String,
	count: formatCount,
	rate: formatRate,
	ns: formatNs,
	microjoules: formatMicroJoules,
	watts: formatWatts,
	bytes: (value) => formatBytes(value),
	'bytes-rate': (value) => formatBytes(value),
	share: formatShare,
	clock: formatClock,
};

/** Drop decimals until the number fits, else show `#`: a truncated number would be another number. */
function shorten(text: string, width: number): string {
	let out = text;
	while (out.length > width) {
		const shorter = out.replace(/\.?\d(\D*)$/, '$1');
		if (!out.includes('.') || shorter === out) return '#'.repeat(Math.max(0, width));
		out = shorter;
	}
	return out;
}

/** One value of a column, at most `width` cells, not padded. */
export function formatValue(kind: ColumnKind, value: unknown, width: number): string {
	if (typeof value === 'string') return truncate(value, width);
	if (typeof value !== 'number' || !Number.isFinite(value)) return width > 0 ? missing : '';
	return shorten(formats[kind](value, width), width);
}
