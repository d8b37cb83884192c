/**
 * A recording as OpenMetrics with times, as `promtool tsdb create-blocks-from openmetrics` takes it: every series with its
 * samples in order, as a scrape every few seconds would have found them.
 */
import type { Snapshot } from '../core/snapshot.ts';
import { type Instrument, type InstrumentId, instruments } from './instruments.ts';
import { Mapping, type MappingOptions } from './mapping.ts';
import { headLines, seriesLines } from './openmetrics.ts';

/** Between two samples of a series, at least; ms. */
const STEP = 15_000;

export async function* openMetricsFile(
	snapshots: AsyncIterable<Snapshot>,
	options: Omit<MappingOptions, 'now'>,
): AsyncGenerator<string> {
	let wall = 0;
	let mapping: Mapping | undefined;
	let sampled = Number.NEGATIVE_INFINITY;
	/** By instrument, then by name and labels: the lines of each moment. */
	const lines = new Map<InstrumentId, Map<string, string[]>>();
	const sample = (): void => {
		if (!mapping || wall === sampled) return;
		sampled = wall;
		for (const { id, instrument, series } of mapping.series.all()) {
			const known = lines.get(id) ?? new Map<string, string[]>();
			lines.set(id, known);
			for (const one of series) {
				for (const line of seriesLines(instrument, one)) {
					const at = line.lastIndexOf(' ');
					const name = line.slice(0, at);
					const all = known.get(name) ?? [];
					known.set(name, all);
					all.push(`${line} ${(wall / 1000).toFixed(3)}\n`);
				}
			}
		}
	};
	for await (const snapshot of snapshots) {
		const time = Date.parse(snapshot.time);
		// a clock that was set back: samples must rise
		if (time < wall) continue;
		// the tabs of one tick are read one after the other
		if (snapshot.tab === 'energy' || time - wall > 1000) {
			if (wall - sampled >= STEP) sample();
		}
		wall = time;
		mapping ??= new Mapping({ ...options, now: () => wall });
		mapping.apply({ kind: 'snapshot', snapshot });
	}
	sample();
	for (const id of Object.keys(instruments) as InstrumentId[]) {
		const known = lines.get(id);
		if (!known) continue;
		yield `${headLines(instruments[id] as Instrument).join('\n')}\n`;
		for (const all of known.values()) yield all.join('');
	}
	yield '# EOF\n';
}
