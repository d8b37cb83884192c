/** `--fail-if` about findings that begin and end. */
import { expect, test } from 'vitest';
import { Threshold } from '../../src/commands/threshold.ts';
import { FilterError } from '../../src/rows/filter/error.ts';
import { overview } from '../../src/tracers/overview/tracer.ts';
import { lockWait, Machine } from './overview-fixtures.ts';

const tracer = overview as never;
const snapshotOf = (machine: Machine, change: Parameters<Machine['tick']>[0]) => {
	const { rows, extra } = machine.tick(change);
	return { time: 'now', tab: 'overview', dt_ns: 1e9, ...extra, rows } as never;
};

test('a finding that begins matches, in the interval in which it begins', () => {
	const machine = new Machine();
	const begins = new Threshold('change = begins and level = severe', tracer);
	expect(begins.look(snapshotOf(machine, {}), [])).toBeUndefined();
	const said = begins.look(snapshotOf(machine, { standstills: [lockWait(3, 5)] }), []);
	expect(said).toMatch(/matched at now: overview: begins severe stopped postgres/);
	expect(begins.matched).toBe(true);
});

test('its end matches later', () => {
	const machine = new Machine();
	const ends = new Threshold('change = ends and rule = stopped', tracer);
	ends.look(snapshotOf(machine, { standstills: [lockWait(3, 5)] }), []);
	for (let index = 0; index < 4; index++) ends.look(snapshotOf(machine, {}), []);
	expect(ends.matched).toBe(true);
});

test('columns of rows are rows; what is neither is an error', () => {
	expect(new Threshold('cpu > 50%', tracer).matched).toBe(false);
	expect(() => new Threshold('nonsense > 1', tracer)).toThrow(FilterError);
});
