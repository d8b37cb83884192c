/** Rows of processes added up to control groups. */
import { expect, test } from 'vitest';
import { Distribution } from '../../src/bpf/latency.ts';
import { stageStats } from '../../src/bpf/stage-distributions.ts';
import { type SafeText, safe } from '../../src/lib/sanitize.ts';
import { regroup } from '../../src/rows/grouping/regroup.ts';
import type { IoRow } from '../../src/tracers/io/snapshot.ts';
import { io } from '../../src/tracers/io/tracer.ts';

function distribution(max_ns: number, slots: Readonly<Record<number, number>>): Distribution {
	const made = new Distribution();
	const added = Object.values(slots);
	const count = added.reduce((sum, one) => sum + one, 0);
	made.grow({ slots: Object.keys(slots).map(Number), added, count, sum_ns: count * 1000, max_ns });
	return made;
}

const process = (pid: number, cgroup: SafeText, interval: Distribution): IoRow => ({
	device: safe`all`,
	dev: safe``,
	op: safe`all`,
	pid,
	start_time: pid * 10,
	comm: safe`p${pid}`,
	cgroup,
	count: interval.count,
	bytes: interval.count * 4096,
	stages: { total: stageStats(interval) },
	count_total: interval.count * 2,
	bytes_total: interval.count * 8192,
	stages_total: { total: { count: interval.count * 2, sum_ns: interval.sum_ns * 2 } },
});

const facts = {
	begin() {},
	parent: () => 0,
	pidns: () => 0,
	cgroup: () => safe``,
	user: () => ({ uid: 0, name: safe`root` }),
};
const byCgroup = (rows: IoRow[]) =>
	io.fold ? regroup(rows, 'cgroup', io.fold, (row) => io.processOf?.(row), facts) : [];

test('a control group has the figures of one process with all requests', () => {
	const first = distribution(3e6, { 20: 100, 50: 3 });
	const second = distribution(9e6, { 20: 50, 30: 40, 60: 1 });
	const together = distribution(9e6, { 20: 150, 30: 40, 50: 3, 60: 1 });
	const { pid: _pid, start_time: _start, comm: _comm, ...whole } = process(1, safe`/a`, together);
	expect(byCgroup([process(1, safe`/a`, first), process(2, safe`/b`, second), process(3, safe`/a`, second)])).toEqual([
		whole,
		expect.objectContaining({ cgroup: '/b', count: 91 }),
	]);
});

test('a process without requests in the interval adds its totals only', () => {
	const busy = distribution(3e6, { 20: 100 });
	const idle = { ...process(2, safe`/a`, new Distribution()), count_total: 7, bytes_total: 70 };
	const [group] = byCgroup([idle, process(1, safe`/a`, busy)]);
	expect(group).toMatchObject({ count: 100, count_total: 207, stages: { total: stageStats(busy) } });
	expect(byCgroup([idle])).toMatchObject([{ cgroup: '/a', count: 0, stages: { total: { count: 0, buckets: [] } } }]);
});
