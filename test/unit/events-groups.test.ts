import { expect, test } from 'vitest';
import { safe } from '../../src/lib/sanitize.ts';
import { EventGroups } from '../../src/tracers/events/groups.ts';
import { ReasonNames } from '../../src/tracers/events/kinds.ts';
import { HiddenReasons, Reasons } from '../../src/tracers/events/reasons.ts';
import { Tally } from '../../src/tracers/events/tally.ts';

const who = { name: safe`curl`, pid: 1, start_time: 5, comm: safe`curl`, cgroup: safe`/a`, netns: 0, protocol: safe`` };
const one = (at: number) => ({ count: 1, recorded: 1, suppressed: 0, first_ns: at, last_ns: at });

test('a quiet group keeps its row, with nothing in the interval; the next event makes a new one', () => {
	const groups = new EventGroups(new Reasons());
	const rows = () => groups.rows(String);
	groups.add('oom', safe`killed`, who, one(10));
	const [first] = rows();
	expect(first).toMatchObject({ count: 1, count_total: 1, first: '10', last: '10' });
	groups.next();
	const [quiet] = rows();
	expect(quiet).toMatchObject({ count: 0, recorded: 0, count_total: 1, last: '10', locations: [] });
	groups.next();
	expect(rows()[0]).toBe(quiet);
	groups.add('oom', safe`killed`, who, { ...one(30), location: safe`here` });
	expect(rows()[0]).toMatchObject({
		count: 1,
		count_total: 2,
		last: '30',
		locations: [{ location: 'here', count: 1 }],
	});
	expect(quiet).toMatchObject({ count: 0, count_total: 1 });
	groups.next();
	expect(rows()[0]).toMatchObject({ count: 0, count_total: 2, locations: [] });
});

test('what the kernel counts while its table is read is no group of others; events without room in it are', () => {
	const hidden = new HiddenReasons([], [], true);
	const reasons = new Reasons();
	const names = new ReasonNames({ enumValues: () => [] });
	const tally = new Tally({ names, reasons, hidden, symbols: { of: () => safe`` } as never, groupOf: () => safe`` });
	const delta = (count: number) => ({ count, sum: 0, recorded: 0, suppressed: count, last_ns: 5 });
	const key = { location: 0, object: 3, netns: 1, pid: 0, slot: 2, port: 0, protocol: 17, family: 2 };
	const group = { ...delta(40), key, first_ns: 1, name: Buffer.from('lo\0') };
	const counts = (ungrouped: number) => ({
		reasons: new Map([[2, delta(49)]]),
		groups: [group as never],
		ungrouped,
		ringFull: 0,
		pairsFull: 0,
	});
	const whos = () => tally.rows(String).map(({ who, count_total }) => [who, count_total]);
	tally.addCounts(counts(0));
	expect(whos()).toEqual([['lo', 40]]);
	tally.addCounts(counts(9));
	expect(whos().toSorted()).toEqual([
		['lo', 80],
		['others', 9],
	]);
});
