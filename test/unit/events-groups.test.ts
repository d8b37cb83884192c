import { expect, test } from 'vitest';
import { safe } from '../../src/lib/sanitize.ts';
import { EventGroups } from '../../src/tracers/events/groups.ts';
import { Reasons } from '../../src/tracers/events/reasons.ts';

const who = { name: safe`curl`, pid: 1, start_time: 5, comm: safe`curl`, cgroup: safe`/a`, netns: 0, protocol: safe`` };
const one = (at: number) => ({ count: 1, told: 1, suppressed: 0, first_ns: at, last_ns: at });

test('a quiet group keeps its row, with nothing in the interval; the next event makes a new one', () => {
	const groups = new EventGroups(new Reasons());
	const rows = () => groups.rows(String);
	groups.add('oom', safe`killed`, who, one(10));
	const [first] = rows();
	expect(first).toMatchObject({ count: 1, count_total: 1, first: '10', last: '10' });
	groups.next();
	const [quiet] = rows();
	expect(quiet).toMatchObject({ count: 0, told: 0, count_total: 1, last: '10', locations: [] });
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
