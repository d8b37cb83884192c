/**
 * What ran in one of two recordings and not, or less, in the other: a machine has other jobs than the one that is compared, and
 * what waits for them changes with them. Pure.
 */
import { formatShare } from '../../lib/format.ts';
import { formatAmount } from '../../lib/format-change.ts';
import { type SafeText, sanitize } from '../../lib/sanitize.ts';
import type { CompareRow } from './row.ts';

/** Processes of one name, in whatever control groups: a build has one for each of its jobs. */
export interface DifferentProcess {
	name: SafeText;
	/** CPU time as a number of CPUs; null: that side has none. */
	a: number | null;
	b: number | null;
}

export interface DifferentWork {
	/** CPU time of all processes that are compared, CPUs. */
	a: number;
	b: number;
	/** Sizes of all sure changes together, and of what only one side has; CPUs. */
	changed: number;
	/** Those that make most of it, the largest change first. */
	processes: DifferentProcess[];
}

/** Part of the CPU time from which a difference is one. */
const LEAST = 0.05;
/** Processes that are named. */
const NAMED = 5;

const sizeOf = ({ a, b }: DifferentProcess): number => Math.abs((b ?? 0) - (a ?? 0));

/** null: neither is there. */
const both = (one: number | null | undefined, other: number | null): number | null =>
	one === undefined || one === null ? other : one + (other ?? 0);

/**
 * @param rows of a comparison, all of them
 * @param isMeant whether a row is what the user compares: its process is no other work
 * @returns null: both sides did the same as far as that is known
 */
export function differentWork(
	rows: readonly CompareRow[],
	isMeant: (row: CompareRow) => boolean = () => false,
): DifferentWork | null {
	const processes = rows.filter(({ kind }) => kind === 'process');
	const keyOf = ({ name, unit }: CompareRow): string => `${name}\0${unit}`;
	const meant = new Set(processes.filter(isMeant).map(keyOf));
	const cpu = processes.filter(({ figure }) => figure === 'cpu');
	const sum = (side: 'a' | 'b') => cpu.reduce((total, row) => total + (row[side] ?? 0), 0);
	const [a, b] = [sum('a'), sum('b')];
	const byName = new Map<SafeText, DifferentProcess>();
	for (const row of cpu) {
		if (meant.has(keyOf(row)) || !['more', 'less', 'only A', 'only B'].includes(row.verdict)) continue;
		const known = byName.get(row.name);
		byName.set(row.name, { name: row.name, a: both(known?.a, row.a), b: both(known?.b, row.b) });
	}
	const others = [...byName.values()].sort((one, other) => sizeOf(other) - sizeOf(one));
	const changed = others.reduce((total, one) => total + sizeOf(one), 0);
	return changed > LEAST * Math.max(a, b) ? { a, b, changed, processes: others.slice(0, NAMED) } : null;
}

/** Its figures in a line. */
export function differentWorkText({ a, b, changed, processes }: DifferentWork): SafeText {
	const named = processes.map((one) => `${one.name} ${formatAmount(one.a, 'share')} → ${formatAmount(one.b, 'share')}`);
	return sanitize(
		`${named.join(', ')}; in all ${formatShare(changed)} of a CPU, where all processes take ${formatShare(a)} and ${formatShare(b)}`,
	);
}
