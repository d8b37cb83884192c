/** The files for Prometheus and Grafana: made from the program's rules, and of metrics that there are. */
import { expect, test } from 'vitest';
import { allQueries, dashboard, rulesFile } from '../../scripts/docs/prometheus.ts';
import { instruments } from '../../src/export/instruments.ts';
import { rules } from '../../src/tracers/overview/rules.ts';

test('every rule of the overview has an alert with its words', () => {
	const text = rulesFile();
	for (const { id, help } of rules) {
		expect(text).toContain(`rule=\\"${id}\\"`);
		expect(text).toContain(JSON.stringify(help));
	}
});

test('every metric that is queried is exported, counters as _total and histograms as their parts', () => {
	const names = new Set(
		Object.values(instruments).flatMap(({ name, kind }) =>
			kind === 'counter' ? [`${name}_total`] : kind === 'histogram' ? [`${name}_bucket`, `${name}_sum`] : [name],
		),
	);
	const queries = allQueries();
	expect(queries.length).toBeGreaterThan(30);
	for (const query of queries)
		for (const [name] of query.matchAll(/\bwattlag_\w+/g)) expect(names, query).toContain(name);
});

test('the dashboard: panels lie beside each other and not on each other', () => {
	const { panels } = JSON.parse(dashboard()) as {
		panels: { id: number; gridPos: { x: number; y: number; w: number; h: number } }[];
	};
	const cells = new Set<string>();
	for (const { gridPos } of panels)
		for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++)
			for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
				expect(x).toBeLessThan(24);
				expect(cells).not.toContain(`${x} ${y}`);
				cells.add(`${x} ${y}`);
			}
});
