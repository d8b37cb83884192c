/** Rows as a table. Of one tab: a line a row, a column a figure. Of several, whose columns differ: a line a figure. */
import { secondsOf } from '../../core/snapshot.ts';
import { csvLine } from '../../export/csv.ts';
import { orUnlimited } from '../../options/values.ts';
import { rowsOf } from '../json-lines.ts';
import type { Exporter } from './exporter.ts';

export const csv: Exporter = async function* ({ tracers, snapshots, line }) {
	const options = { filter: line.filter, limit: orUnlimited(Number(line.values['limit'])), tracers };
	const byTab = new Map(
		tracers.map((tracer) => [
			tracer.id,
			{ tracer, select: rowsOf({ ...options, tracer, sort: line.sorts[tracer.id] ?? tracer.defaultSort }) },
		]),
	);
	const [only, second] = tracers;
	const wide = only !== undefined && second === undefined;
	yield csvLine(
		wide ? ['time', 'seconds', ...only.columns.map(({ key }) => key)] : ['time', 'tab', 'row', 'figure', 'value'],
	);
	for await (const snapshot of snapshots) {
		const { tracer, select } = byTab.get(snapshot.tab) ?? {};
		if (!tracer || !select) continue;
		const seconds = secondsOf(snapshot);
		for (const row of select(snapshot)) {
			const cells = tracer.columns.map((column) => column.value(row, seconds));
			if (wide) yield csvLine([snapshot.time, seconds, ...cells]);
			else {
				const key = tracer.rowKey(row);
				const lines = tracer.columns.map((column, index) =>
					csvLine([snapshot.time, tracer.id, key, column.key, cells[index] as string | number]),
				);
				yield lines.join('');
			}
		}
	}
};
