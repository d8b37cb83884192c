/** Distance of each host from its peers: robust z scores by median and median absolute deviation. */
import { type SafeText, safe } from '../lib/sanitize.ts';
import type { FleetRow } from './rows.ts';

type Figure = 'cpu' | 'watts' | 'wait_p99_ns' | 'io_p99_ns' | 'irq' | 'drops' | 'events' | 'lost';

/**
 * Judged figures. `floor`: deviations below it mean nothing, whatever the peers do. Times are judged on a logarithmic scale:
 * what matters is how many times longer they are.
 */
const figures: readonly { key: Figure; name: SafeText; floor: number; logarithmic?: true }[] = [
	{ key: 'cpu', name: safe`CPU`, floor: 0.1 },
	{ key: 'watts', name: safe`watts`, floor: 1 },
	{ key: 'wait_p99_ns', name: safe`wait p99`, floor: 0.15, logarithmic: true },
	{ key: 'io_p99_ns', name: safe`IO p99`, floor: 0.15, logarithmic: true },
	{ key: 'irq', name: safe`IRQ`, floor: 0.02 },
	{ key: 'drops', name: safe`drops`, floor: 1 },
	{ key: 'events', name: safe`events`, floor: 0.1 },
	{ key: 'lost', name: safe`losses`, floor: 1 },
];

/** Fewest hosts for a median: with fewer, every host would be an outlier. */
const LEAST_PEERS = 4;
/** Makes the median absolute deviation of normal figures their standard deviation. */
const NORMAL = 1.4826;
/** Deviations of less than this part of the median count as none. */
const SHARE = 0.05;

export function median(values: readonly number[]): number {
	const sorted = Float64Array.from(values).sort();
	const middle = sorted.length >> 1;
	if (sorted.length === 0) return Number.NaN;
	return sorted.length % 2 === 1
		? (sorted[middle] as number)
		: ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

/** Scores of values among themselves; null for one that is not known. */
export function robustScores(values: readonly (number | null)[], floor: number): (number | null)[] {
	const known = values.filter((value): value is number => value !== null && Number.isFinite(value));
	if (known.length < LEAST_PEERS) return values.map(() => null);
	const middle = median(known);
	const deviation = NORMAL * median(known.map((value) => Math.abs(value - middle)));
	const scale = Math.max(deviation, floor, Math.abs(middle) * SHARE);
	return values.map((value) => (value === null || !Number.isFinite(value) ? null : (value - middle) / scale));
}

/** Rows with `out` and `out_by`: peers are the hosts with the same value of `label`, and the same source of figures. */
export function judged(rows: readonly FleetRow[], label: string): FleetRow[] {
	const peers = new Map<string, FleetRow[]>();
	for (const row of rows) {
		const key = `${row.from}\0${Object.hasOwn(row.labels, label) ? row.labels[label] : ''}`;
		const group = peers.get(key);
		if (group) group.push(row);
		else peers.set(key, [row]);
	}
	const found = new Map<FleetRow, { out: number; out_by: SafeText }>();
	for (const group of peers.values()) {
		for (const { key, name, floor, logarithmic } of figures) {
			const values = group.map((row) => {
				const value = row[key];
				return value === null || !logarithmic ? value : Math.log10(Math.max(value, 1e3));
			});
			for (const [index, score] of robustScores(values, floor).entries()) {
				const row = group[index] as FleetRow;
				const most = found.get(row);
				if (score === null || (most && Math.abs(score) <= Math.abs(most.out))) continue;
				found.set(row, { out: score, out_by: safe`${name} ${score < 0 ? safe`low` : safe`high`}` });
			}
		}
	}
	return rows.map((row) => ({ ...row, ...(found.get(row) ?? { out: null, out_by: safe`` }) }));
}
