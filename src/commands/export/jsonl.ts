/** One interval of one tab a line: what `--batch --json` prints, in the same order and with the same options. */
import { orUnlimited } from '../../options/values.ts';
import { jsonLine, rowsOf } from '../json-lines.ts';
import type { Exporter } from './exporter.ts';

export const jsonl: Exporter = async function* ({ tracers, snapshots, line }) {
	const options = { filter: line.filter, limit: orUnlimited(Number(line.values['limit'])), tracers };
	const byTab = new Map(
		tracers.map((tracer) => [
			tracer.id,
			rowsOf({ ...options, tracer, sort: line.sorts[tracer.id] ?? tracer.defaultSort }),
		]),
	);
	for await (const snapshot of snapshots) {
		const select = byTab.get(snapshot.tab);
		if (select) yield jsonLine(snapshot, select(snapshot));
	}
};
