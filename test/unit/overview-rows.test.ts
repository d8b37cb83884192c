/** What all tabs know of one process, side by side; pressure and quotas from their files. */
import { mkdirSync, symlinkSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { DerivedGroup } from '../../src/core/fold.ts';
import type { Snapshot } from '../../src/core/snapshot.ts';
import { sanitize } from '../../src/lib/sanitize.ts';
import { regroup } from '../../src/rows/grouping/regroup.ts';
import { GroupPressureReader } from '../../src/system/group-pressure.ts';
import { PressureReader, parsePressure } from '../../src/system/pressure.ts';
import { QuotaReader } from '../../src/system/quota.ts';
import { joinProcesses } from '../../src/tracers/overview/rows.ts';
import type { OverviewRow } from '../../src/tracers/overview/snapshot.ts';
import { IO_LISTED, sourcesOf } from '../../src/tracers/overview/sources.ts';
import { overview } from '../../src/tracers/overview/tracer.ts';
import type { RunqlatRow } from '../../src/tracers/runqlat/snapshot.ts';
import { makeTree } from './energy-fixtures.ts';
import { Machine, second, tickOf, type World } from './overview-fixtures.ts';

/** Groups are folded without `/proc`: rows have user and control group. */
const noFacts = () => {
	throw new Error('not needed');
};
const facts = { begin: () => {}, parent: noFacts, pidns: noFacts, cgroup: noFacts, user: noFacts };
const grouped = (rows: OverviewRow[], group: DerivedGroup) =>
	overview.fold ? regroup(rows, group, overview.fold, (row) => overview.processOf?.(row), facts) : [];

const rowsOf = (change: Partial<World>) => joinProcesses(sourcesOf(tickOf(change)));

const processIo = (pid: number, start_time: number) => ({
	pid,
	start_time,
	comm: sanitize('postgres'),
	cgroup: sanitize('/db'),
	count: 7,
	bytes_read: 4096,
	bytes_written: 8192,
	mean_ns: 1e6,
	p99_ns: 3e6,
	max_ns: 3e6,
	count_total: 7,
	bytes_total: 12_288,
});

describe('one row per process', () => {
	test('every figure comes from its own tab', () => {
		const processes = [
			{ pid: 5, comm: 'postgres', start_time: 50, cpu: 0.5, watts: 3, wait: 0.1, p99: 2e6, irqTime: 0.01 },
		];
		expect(rowsOf({ processes, processIo: [processIo(5, 50)] })).toEqual([
			{
				pid: 5,
				start_time: 50,
				comm: 'postgres',
				cgroup: '/',
				user: 'root',
				processes: 1,
				watts: 3,
				energy_uj: 3e6,
				cpu_ns: 0.5 * second,
				wait_ns: 0.1 * second,
				wait_p99_ns: 2e6,
				irq_time_ns: 0.01 * second,
				io_count: 7,
				io_bytes: 12288,
				io_p99_ns: 3e6,
				state: null,
				reason: null,
				wchan: '',
				rss_bytes: null,
				swap_bytes: null,
				minor_faults: null,
				major_faults: null,
				threads: null,
				nice: null,
				time_ns: null,
				wakeups: null,
				started: 0,
				container: '',
				command: '',
			},
		]);
	});

	test('a pid that was used again in the interval is two processes', () => {
		const processes = [
			{ pid: 5, comm: 'old', start_time: 50, cpu: 0.5, wait: 0.1 },
			{ pid: 5, comm: 'new', start_time: 90, cpu: 0.2, wait: 0.3 },
		];
		const rows = rowsOf({ processes, processIo: [processIo(5, 90)] });
		expect(rows.map(({ comm, wait_ns, io_count }) => [comm, wait_ns, io_count])).toEqual([
			['old', 0.1 * second, 0],
			['new', 0.3 * second, 7],
		]);
	});

	test('IO whose start is not known belongs to the process of that pid', () => {
		const rows = rowsOf({ processes: [{ pid: 5, comm: 'a', start_time: 50, cpu: 0.5 }], processIo: [processIo(5, 0)] });
		expect(rows).toMatchObject([{ start_time: 50, io_count: 7 }]);
	});

	test('a run queue with stamps of its own does not know starts: pids have to do', () => {
		const tick = tickOf({ processes: [{ pid: 5, comm: 'a', start_time: 50, cpu: 0.5, wait: 0.1, p99: 1 }] });
		const runqlat = tick.get('runqlat') as Snapshot<RunqlatRow>;
		const rows = runqlat.rows.map((row) => ({ ...row, key: { ...row.key, start_time: 77 } }));
		const join = (kind: string) =>
			joinProcesses(sourcesOf(tick.set('runqlat', { ...runqlat, rows, source: { ...runqlat.source, kind } })));
		expect(join('own stamps')).toMatchObject([{ start_time: 50, cpu_ns: 0.5 * second, wait_ns: 0.1 * second }]);
		expect(join('sched_info')).toHaveLength(2);
	});

	test('not known is null, nothing is 0', () => {
		const processes = [{ pid: 5, comm: 'a', cpu: 0.5, watts: 1 }];
		expect(rowsOf({ processes })[0]).toMatchObject({ wait_ns: 0, wait_p99_ns: null, irq_time_ns: 0, io_bytes: 0 });
		const most = Array.from({ length: IO_LISTED }, (_, index) => processIo(100 + index, 50));
		expect(rowsOf({ processes, processIo: most })[0]).toMatchObject({ io_bytes: null, io_count: null });
		expect(rowsOf({ processes, without: ['runqlat', 'irq', 'io'] })[0]).toMatchObject({
			wait_ns: null,
			irq_time_ns: null,
			io_bytes: null,
		});
		expect(rowsOf({ processes: [{ pid: 6, comm: 'b', wait: 0.1, p99: 1 }], without: ['energy'] })[0]).toMatchObject({
			watts: null,
			cpu_ns: null,
		});
	});

	test('who is not among those that lost most may have lost something', () => {
		const tick = tickOf({ processes: [{ pid: 5, comm: 'a', cpu: 0.5 }] });
		const irq = { ...tick.get('irq'), irq_time_count: 100 } as never;
		expect(joinProcesses(sourcesOf(new Map([...tick, ['irq', irq]])))[0]?.irq_time_ns).toBeNull();
	});

	test('who did nothing is not listed', () => {
		const processes = [
			{ pid: 5, comm: 'sleeper', cpu: 0 },
			{ pid: 6, comm: 'worker', cpu: 0.1 },
		];
		expect(rowsOf({ processes }).map(({ comm }) => comm)).toEqual(['worker']);
	});
});

test('groups: sums, but the highest percentile', () => {
	const rows = rowsOf({
		processes: [
			{ pid: 1, comm: 'a', cgroup: '/x', cpu: 0.1, watts: 1, wait: 0.1, p99: 5 },
			{ pid: 2, comm: 'a', cgroup: '/y', cpu: 0.2, watts: 2, wait: 0.2, p99: 9 },
			{ pid: 3, comm: 'b', cgroup: '/x', cpu: 0.3, watts: 3 },
		],
	});
	const byName = grouped(rows, 'command');
	expect(byName).toMatchObject([
		{ comm: 'a', pid: 0, processes: 2, watts: 3, wait_p99_ns: 9 },
		{ comm: 'b', processes: 1, wait_p99_ns: null },
	]);
	expect(byName[0]?.wait_ns).toBeCloseTo(0.3 * second);
	expect(grouped(rows, 'cgroup').map(({ cgroup, processes }) => [cgroup, processes])).toEqual([
		['/x', 2],
		['/y', 1],
	]);
	expect(new Set(grouped(rows, 'user').map(overview.rowKey)).size).toBe(1);
	expect(overview.groups).toEqual(['process', ...(overview.fold?.groups ?? [])]);
	// the process rows are unchanged
	expect(rows[0]).toMatchObject({ pid: 1, watts: 1 });
});

test('the session: process rows, totals of the machine, losses by tab', () => {
	const { rows, extra, lost } = new Machine().tick({ lost: 3 });
	expect(rows).toHaveLength(3);
	expect(extra.totals).toMatchObject({ cpus: 4, io_count: 12, io_bytes: 12 * 4096 });
	expect(extra.totals.busy_ns).toBeCloseTo(0.013 * second);
	expect(lost).toMatchObject({ runqlat: 3, io: 0 });
});

describe('pressure', () => {
	const file = (some: number, full: number) =>
		`some avg10=0.80 avg60=0.92 avg300=0.47 total=${some}\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=${full}`;

	test('totals are µs since boot', () => {
		expect(parsePressure(file(2109945254, 17))).toEqual({ some_ns: 2109945254e3, full_ns: 17e3 });
		expect(parsePressure('full avg10=0.00 avg60=0.00 avg300=0.00 total=5\n')).toEqual({ some_ns: 0, full_ns: 5e3 });
	});

	test('differences of what the kernel has', () => {
		const tree = makeTree();
		tree.set('proc/pressure/io', file(1000, 100));
		tree.set('proc/pressure/memory', file(0, 0));
		const reader = new PressureReader(tree.procRoot);
		tree.set('proc/pressure/io', file(251_000, 50_100));
		expect(reader.read()).toEqual({ memory: { some_ns: 0, full_ns: 0 }, io: { some_ns: 250e6, full_ns: 50e6 } });
		expect(reader.read()).toMatchObject({ io: { some_ns: 0 } });
	});

	test('by control group: the deepest that has most of it, from the second look on', () => {
		const tree = makeTree();
		tree.set('proc/self/mountinfo', `30 24 0:26 / ${tree.procRoot}/../cgroup rw - cgroup2 cgroup2 rw`);
		const reader = new GroupPressureReader(tree.procRoot);
		const groups = ['/a/b/idle', '/a/b/hot', '/c', '#77', ''].map((path) => sanitize(path));
		const machine = { memory: { some_ns: 0.5e9, full_ns: 0 } };
		const set = (totals: Record<string, number>) => {
			for (const [path, us] of Object.entries(totals)) tree.set(`cgroup${path}/memory.pressure`, file(us, us / 2));
		};
		set({ '/a': 1e6, '/a/b': 1e6, '/a/b/idle': 0, '/a/b/hot': 5e5, '/c': 9e6 });
		expect(reader.read(machine, 1e9, groups)).toEqual({});
		set({ '/a': 1.5e6, '/a/b': 1.48e6, '/a/b/idle': 0, '/a/b/hot': 9.5e5, '/c': 9.1e6 });
		expect(reader.read(machine, 1e9, groups)).toEqual({
			memory: { cgroup: '/a/b/hot', some_ns: 450e6, full_ns: 225e6 },
		});
		// at rest nobody is asked, and what they had before is no difference of the next interval
		set({ '/c': 99e6 });
		expect(reader.read({ memory: { some_ns: 1e6, full_ns: 0 } }, 1e9, groups)).toEqual({});
		expect(reader.read(machine, 1e9, groups)).toEqual({});
	});

	test('none at all is null', () => {
		const tree = makeTree();
		const reader = new PressureReader(tree.procRoot);
		expect([reader.read(), reader.why()]).toEqual([null, expect.stringContaining('CONFIG_PSI')]);
		// what lies over it is a container's own, here of another file system
		mkdirSync(tree.procRoot, { recursive: true });
		symlinkSync('/proc/pressure', `${tree.procRoot}/pressure`);
		const container = new PressureReader(tree.procRoot);
		expect([container.read(), container.why()]).toEqual([null, expect.stringContaining('another file system')]);
	});
});

describe('quotas', () => {
	const stat = (periods: number, throttled: number, usec: number) =>
		`usage_usec 5\nnr_periods ${periods}\nnr_throttled ${throttled}\nthrottled_usec ${usec}`;

	function mounted() {
		const tree = makeTree();
		const root = `${tree.procRoot}/../cgroup`;
		tree.set('proc/self/mountinfo', `30 24 0:26 / ${root} rw - cgroup2 cgroup2 rw`);
		return { tree, reader: new QuotaReader(tree.procRoot) };
	}

	test('the group of a process, and those above it; from the second look on', () => {
		const { tree, reader } = mounted();
		tree.set('cgroup/a/cpu.stat', stat(100, 40, 1000));
		tree.set('cgroup/a/b/cpu.stat', 'usage_usec 5');
		expect(reader.read([sanitize('/a/b')])).toEqual([{ cgroup: '/a', periods: 0, throttled: 0, throttled_ns: 0 }]);
		tree.set('cgroup/a/cpu.stat', stat(110, 48, 801_000));
		expect(reader.read([sanitize('/a/b')])).toEqual([{ cgroup: '/a', periods: 10, throttled: 8, throttled_ns: 800e6 }]);
		expect(reader.read([sanitize('/a/b')])).toEqual([]);
	});

	test('a group that has gone, one without a name, no cgroup v2: nothing', () => {
		const { reader } = mounted();
		expect(reader.read([sanitize('/gone'), sanitize('#77'), sanitize('/'), sanitize('')])).toEqual([]);
		expect(new QuotaReader(makeTree().procRoot).read([sanitize('/a')])).toEqual([]);
	});
});
