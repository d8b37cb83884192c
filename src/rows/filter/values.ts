/** Values with units as they are typed, in the unit of the column's own figures. */
import type { ColumnKind } from '../../lib/format.ts';

interface Family {
	units: Readonly<Record<string, number>>;
	/** The unit of a number without one; undefined: a unit is required. */
	bare: number | undefined;
	/** An example, for messages. */
	hint: string;
	anyCase?: boolean;
}

const time: Family = {
	units: { ns: 1, us: 1e3, µs: 1e3, μs: 1e3, ms: 1e6, s: 1e9, min: 6e10, h: 3.6e12 },
	bare: undefined,
	hint: 'ns, us, ms, s, min or h',
};
const power: Family = { units: { uW: 1e-6, µW: 1e-6, mW: 1e-3, W: 1, kW: 1e3 }, bare: 1, hint: 'uW, mW, W or kW' };
const energy: Family = {
	units: { uJ: 1, µJ: 1, mJ: 1e3, J: 1e6, kJ: 1e9, Wh: 3.6e9 },
	bare: 1e6,
	hint: 'uJ, mJ, J, kJ or Wh',
};
const binary = Object.fromEntries(
	['k', 'm', 'g', 't', 'p'].flatMap((letter, index) =>
		[letter, `${letter}b`, `${letter}ib`].map((unit) => [unit, 1024 ** (index + 1)] as const),
	),
);
const bytes: Family = { units: { b: 1, ...binary }, bare: 1, hint: 'B, K, M or G', anyCase: true };
const bytesRate: Family = {
	...bytes,
	units: Object.fromEntries(
		Object.entries(bytes.units).flatMap(([unit, size]) => [[unit, size] as const, [`${unit}/s`, size] as const]),
	),
	hint: 'B/s, K/s, M/s or G/s',
};
const count: Family = { units: { k: 1e3, m: 1e6, g: 1e9 }, bare: 1, hint: 'k, M or G', anyCase: true };
const rate: Family = {
	units: { '/s': 1, k: 1e3, m: 1e6, 'k/s': 1e3, 'm/s': 1e6 },
	bare: 1,
	hint: '/s, k or M',
	anyCase: true,
};
const share: Family = { units: { '%': 0.01 }, bare: 0.01, hint: '%' };
const none: Family = { units: {}, bare: 1, hint: '' };

const families: Readonly<Record<Exclude<ColumnKind, 'text'>, Family>> = {
	pid: none,
	count,
	rate,
	ns: time,
	microjoules: energy,
	watts: power,
	bytes,
	'bytes-rate': bytesRate,
	share,
	clock: none,
};

const all = new Set(Object.values(families).flatMap((family) => Object.keys(family.units)));

/** Could this word be a unit after a number? */
export function isUnit(word: string): boolean {
	return all.has(word) || all.has(word.toLowerCase());
}

const number = /^(-?(?:\d+\.?\d*|\.\d+))(.*)$/;

const clock = /^([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?$/;

/** `14:02` or `14:02:31` of today, local, as seconds since 1970; a plain number is those. */
function parseClock(text: string): number | { problem: string } {
	if (/^\d+$/.test(text)) return Number(text);
	const [, hours, minutes, seconds = '0'] = clock.exec(text) ?? [];
	if (hours === undefined) return { problem: `'${text}' is no time of day: write 14:02 or 14:02:31` };
	return new Date().setHours(Number(hours), Number(minutes), Number(seconds), 0) / 1000;
}

/** The value in the column's own unit, or the error in a few words. */
export function parseValue(kind: Exclude<ColumnKind, 'text'>, text: string): number | { problem: string } {
	if (kind === 'clock') return parseClock(text);
	const family = families[kind];
	const [, digits, unit = ''] = number.exec(text) ?? [];
	if (digits === undefined) return { problem: `'${text}' is not a number` };
	if (unit === '') {
		if (Number(digits) === 0) return 0;
		return family.bare === undefined ? { problem: `a unit is missing: ${family.hint}` } : Number(digits) * family.bare;
	}
	const size = Object.hasOwn(family.units, unit)
		? family.units[unit]
		: family.anyCase && Object.hasOwn(family.units, unit.toLowerCase())
			? family.units[unit.toLowerCase()]
			: undefined;
	if (size === undefined) {
		return { problem: family.hint === '' ? 'this column has no unit' : `unknown unit '${unit}': ${family.hint}` };
	}
	return Number(digits) * size;
}
