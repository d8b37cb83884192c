/** Hosts of one label's value as one row: sums of what adds up, the worst of everything else. */
import { type SafeText, safe } from '../lib/sanitize.ts';
import { emptyRow, type FleetRow } from './rows.ts';

const added = ['cpu', 'watts', 'irq', 'drops', 'events', 'lost'] as const;
const highest = ['wait_p99_ns', 'io_p99_ns', 'age_s', 'watts_error'] as const;

function either(a: number | null, b: number | null, both: (a: number, b: number) => number): number | null {
	return a === null ? b : b === null ? a : both(a, b);
}

function merge(name: SafeText, rows: readonly FleetRow[]): FleetRow {
	const group: FleetRow = { ...emptyRow(name), hosts: rows.length, up: rows.every(({ up }) => up) };
	const down = rows.filter(({ up }) => !up).length;
	if (down > 0) group.state = safe`${down} of ${rows.length} down`;
	const sources = new Set(rows.map(({ from }) => from));
	group.from = sources.size === 1 ? ([...sources][0] as SafeText) : safe`mixed`;
	for (const row of rows) {
		for (const key of added) group[key] = either(group[key], row[key], (a, b) => a + b);
		for (const key of highest) group[key] = either(group[key], row[key], Math.max);
		if (row.severity > group.severity) {
			group.severity = row.severity;
			group.finding = safe`${row.host}: ${row.finding}`;
			group.since_s = row.since_s;
		}
		if (row.out !== null && (group.out === null || Math.abs(row.out) > Math.abs(group.out))) {
			group.out = row.out;
			group.out_by = safe`${row.host} ${row.out_by}`;
		}
	}
	return group;
}

export function grouped(rows: readonly FleetRow[], label: string): FleetRow[] {
	const groups = new Map<SafeText, FleetRow[]>();
	for (const row of rows) {
		const name = (Object.hasOwn(row.labels, label) ? row.labels[label] : undefined) ?? safe`–`;
		const group = groups.get(name);
		if (group) group.push(row);
		else groups.set(name, [row]);
	}
	return [...groups].map(([name, all]) => merge(name, all));
}
