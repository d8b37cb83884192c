/** Tables for scripts and eyes: columns stay in line whatever the names are. */
import { expect, test } from 'vitest';
import { plainTable } from '../../src/commands/batch/batch.ts';
import type { Snapshot } from '../../src/core/snapshot.ts';
import { safe, sanitize } from '../../src/lib/sanitize.ts';
import { textWidth } from '../../src/lib/width.ts';
import { registry } from '../../src/registry.ts';

test('a wide or hostile name takes its cells and no more', () => {
	const row = (comm: string) => ({ pid: 7, start_time: 1, comm: sanitize(comm), user: safe`root`, cgroup: safe`/` });
	const rows = ['plain', '日本語テスト', '\x1b]0;pwned\x07\x1b[2J', 'é́́', '\u202ertl'].map(row);
	const snapshot = {
		tab: 'overview',
		time: '2026-01-01T00:00:00.000Z',
		dt_ns: 1e9,
		lost: {},
		source: { kind: 'x', uncertainty: 'none' },
		rows,
	} as unknown as Snapshot;
	const tracer = registry.map((entry) => entry.tracer).find(({ id }) => id === 'overview');
	if (!tracer) throw new Error('no overview');
	const lines = plainTable(tracer, snapshot, rows).split('\n');
	const starts = lines.slice(2, 2 + rows.length).map((line) => textWidth(line.slice(0, line.lastIndexOf('root'))));
	expect(new Set(starts).size).toBe(1);
});
