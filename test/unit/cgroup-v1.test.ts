/** Hybrid hierarchies: groups and quotas in v1, processes in the root of v2. Trees that stand in for proc and the mounts. */
import { describe, expect, test } from 'vitest';
import { GroupNames, unnamedGroups } from '../../src/bpf/cgroups.ts';
import { safe } from '../../src/lib/sanitize.ts';
import { v1Mount, v1Path } from '../../src/system/cgroups.ts';
import { MemoryLimitReader } from '../../src/system/memory-limits.ts';
import { parseCpuStat, QuotaReader } from '../../src/system/quota.ts';
import { groupPath, V1Groups, v1Only } from '../../src/system/v1-groups.ts';
import { treePerTest } from '../lib/tree.ts';

const tree = treePerTest();

function hybrid(): string {
	tree.set(
		'proc/self/mountinfo',
		[
			`32 31 0:29 / ${tree.path('cpu')} rw - cgroup cgroup rw,cpu,cpuacct`,
			`35 31 0:32 / ${tree.path('memory')} rw - cgroup cgroup rw,memory`,
			`40 31 0:37 / ${tree.path('unified')} rw - cgroup2 cgroup2 rw`,
		].join('\n'),
	);
	return tree.path('proc');
}

const stat = (group: string, periods: number, throttled: number, ns: number) =>
	tree.set(`cpu${group}/cpu.stat`, `nr_periods ${periods}\nnr_throttled ${throttled}\nthrottled_time ${ns}\n`);

test('mounts and paths by controller', () => {
	const proc = hybrid();
	expect(v1Mount(proc, 'cpuacct')).toEqual({ folder: tree.path('cpu'), top: '/' });
	expect(v1Mount(proc, 'pids')).toBeUndefined();
	const text = '4:memory:/a:b\n1:cpu,cpuacct:/docker/x\n0::/\n';
	expect([v1Path(text, 'memory'), v1Path(text, 'cpu'), v1Path(text, 'pids')]).toEqual(['/a:b', '/docker/x', undefined]);
});

test('a group of v1 only is found, where the unified hierarchy has none', () => {
	const proc = hybrid();
	tree.set('proc/7/cgroup', '4:memory:/\n1:cpu:/\n0::/\n');
	tree.set('proc/8/cgroup', '4:memory:/docker/x\n0::/system.slice\n');
	expect(v1Only(proc)).toBeUndefined();
	expect(unnamedGroups({ procRoot: proc })).toEqual([]);
	tree.set('proc/9/cgroup', '4:memory:/docker/0123\n0::/\n');
	expect(v1Only(proc)).toBe('memory:/docker/0123');
	// what the tabs with control groups say
	expect(unnamedGroups({ procRoot: proc })).toEqual([
		expect.stringContaining('(memory:/docker/0123) have their name from'),
	]);
});

test.each([
	['0::/user.slice\n', '/user.slice'],
	// the unified hierarchy first, as BPF programs have it
	['12:memory:/m\n4:cpu,cpuacct:/docker/abc\n1:name=systemd:/s\n0::/u\n', '/u'],
	['12:memory:/m\n4:cpu,cpuacct:/docker/abc\n1:name=systemd:/s\n0::/\n', '/m'],
	['12:memory:/\n4:cpuacct,cpu:/docker/abc\n0::/\n', '/docker/abc'],
	['9:pids:/p:q\n', '/p:q'],
	['12:memory:/\n4:cpu:/\n0::/\n', '/'],
	['12:memory:/\n7:blkio:/kiosk\n5:devices:/\n1:name=systemd:/system.slice/a.service\n0::/\n', '/kiosk'],
	['12:memory:/\n7:blkio:/\n1:name=systemd:/system.slice/a.service\n', '/system.slice/a.service'],
	['12:memory:\n0::/\n', '/'],
	['5:cpuset:/x\n1:name=systemd:/s\n0::/u\n', '/u'],
	// a hierarchy without a controller is no container's
	['1:name=memory:/s\n0::/\n', '/'],
	['garbage\n', ''],
	['', ''],
])('cgroup file %j', (text, path) => {
	expect(groupPath(text)).toBe(path);
});

describe('the v1 group of a process', () => {
	const stat = (pid: number, start = 0) => tree.set(`proc/${pid}/stat`, `${pid} (a) ) S${' 0'.repeat(18)} ${start} 0`);
	const group = (pid: number, path: string) => tree.set(`proc/${pid}/cgroup`, `4:memory:${path}\n0::/\n`);
	let ms = 0;
	const groups = () => new V1Groups(hybrid(), () => ms);

	test('of processes in the root of the unified one; kept when it ended; anew after a second, seldom later', () => {
		tree.folder('memory/docker');
		const names = groups();
		group(7, '/docker/x');
		stat(7);
		expect(names.of({ pid: 7, start: 0 })).toBe('/docker/x');
		group(7, '/docker/y');
		expect(names.of({ pid: 7, start: 0 })).toBe('/docker/x');
		ms += 1000;
		expect(names.of({ pid: 7, start: 0 })).toBe('/docker/y');
		tree.remove('proc/7/cgroup');
		ms += 64_000;
		expect(names.of({ pid: 7, start: 0 })).toBe('/docker/y');
		expect([0, -1, 8].map((pid) => names.of({ pid, start: 0 }))).toEqual([undefined, undefined, undefined]);
	});

	test('not of another process with the pid, before or after', () => {
		tree.folder('memory/docker');
		const names = groups();
		group(7, '/docker/new');
		stat(7, 500);
		expect(names.of({ pid: 7, start: 2e9 })).toBeUndefined();
		expect(names.of({ pid: 7, start: 5e9 })).toBe('/docker/new');
		expect(names.of({ pid: 7, start: 2e9 })).toBeUndefined();
		expect(names.of({ pid: 7, start: 5e9 })).toBe('/docker/new');
	});

	test('an ended process is asked once', () => {
		tree.folder('memory/docker');
		const names = groups();
		expect(names.of({ pid: 7, start: 5e9 })).toBeUndefined();
		group(7, '/docker/x');
		stat(7, 500);
		ms += 64_000;
		expect(names.of({ pid: 7, start: 5e9 })).toBeUndefined();
		expect(names.of({ pid: 8, start: 5e9 })).toBeUndefined();
	});

	test('hostile names are inert; hierarchies without groups, or without v1, are not asked', () => {
		const names = groups();
		group(7, '/docker/\u001b[2J');
		stat(7);
		expect(names.of({ pid: 7, start: 0 })).toBeUndefined();
		tree.folder('cpu/docker');
		ms += 10_000;
		expect(names.of({ pid: 7, start: 0 })).not.toMatch(/\u001b/);
		expect(names.of({ pid: 7, start: 0 })).toContain('/docker/');
		tree.set('proc/self/mountinfo', `40 31 0:37 / ${tree.path('unified')} rw - cgroup2 cgroup2 rw`);
		expect(new V1Groups(tree.path('proc')).of({ pid: 7, start: 0 })).toBeUndefined();
		expect(new GroupNames('/nowhere').pathOf(5, { pid: 7, start: 0 })).toBe('#5');
	});

	test('500 reads a second: the others follow', () => {
		tree.folder('memory/docker');
		const names = groups();
		for (let pid = 1; pid <= 600; pid++) {
			group(pid, '/docker/x');
			stat(pid);
		}
		const named = () =>
			Array.from({ length: 600 }, (_, at) => names.of({ pid: at + 1, start: 0 })).filter(Boolean).length;
		expect(named()).toBe(500);
		ms += 500;
		expect(named()).toBe(500);
		ms += 499;
		expect(named()).toBe(500);
		ms += 1;
		expect(named()).toBe(600);
	});
});

test('a group that was made anew under its name counts from 0', () => {
	const reader = new QuotaReader(hybrid());
	const processes = [{ pid: 7, start: 5 }];
	const read = () => reader.read([safe`/`], processes).map(({ throttled, throttled_ns }) => [throttled, throttled_ns]);
	tree.set('proc/7/cgroup', '1:cpu,cpuacct:/pod\n0::/\n');
	stat('/pod', 100, 1, 9000);
	read();
	// more throttled than the group before, in fewer periods and for less time
	stat('/pod', 10, 5, 4000);
	expect(read()).toEqual([]);
	stat('/pod', 20, 6, 5000);
	expect(read()).toEqual([[1, 1000]]);
});

test('a memory group that was made anew has no stall below 0', () => {
	tree.set('proc/self/mountinfo', `40 31 0:37 / ${tree.path('unified')} rw - cgroup2 cgroup2 rw`);
	tree.set('proc/7/cgroup', '0::/pod\n');
	const set = (hits: number, stalled: number) => {
		for (const [file, text] of [
			['max', '1000'],
			['high', 'max'],
			['current', '900'],
			['events', `low 0\nhigh 0\nmax ${hits}\n`],
			['pressure', `some avg10=0.00 total=${stalled}\nfull avg10=0.00 total=0\n`],
		] as const)
			tree.set(`unified/pod/memory.${file}`, `${text}\n`);
	};
	const reader = new MemoryLimitReader(tree.path('proc'));
	const read = () => reader.read([{ pid: 7, start: 0 }]).map(({ hits, stalled_ns }) => [hits, stalled_ns]);
	set(5, 500);
	expect(read()).toEqual([]);
	set(7, 600);
	expect(read()).toEqual([[2, 100_000]]);
	set(9, 20);
	expect(read()).toEqual([[2, 0]]);
	tree.remove('unified/pod/memory.pressure');
	set(11, 20);
	tree.remove('unified/pod/memory.pressure');
	expect(read()).toEqual([[2, null]]);
	// an empty file is no limit of 0
	tree.set('unified/pod/memory.max', '');
	expect(read()).toEqual([]);
});

test('quotas of v1, of parents too, with their processes', () => {
	const reader = new QuotaReader(hybrid());
	expect(parseCpuStat('nr_periods 5\nnr_throttled 2\nthrottled_time 1500\n')).toMatchObject({ throttled_ns: 1500 });
	tree.set('proc/7/cgroup', '1:cpu,cpuacct:/pod/inner\n0::/\n');
	tree.set('proc/8/cgroup', '1:cpu,cpuacct:/\n0::/\n');
	stat('/pod', 10, 1, 1000);
	stat('/pod/inner', 0, 0, 0);
	const processes = [7, 8, 9].map((pid) => ({ pid, start: 5 }));
	const zero = { periods: 0, throttled: 0, throttled_ns: 0 };
	expect(reader.read([safe`/`], processes)).toEqual([{ cgroup: '/pod', ...zero, members: ['7:5'] }]);
	stat('/pod', 20, 9, 8000);
	expect(reader.read([safe`/`], processes)).toEqual([
		{ cgroup: '/pod', periods: 10, throttled: 8, throttled_ns: 7000, members: ['7:5'] },
	]);
});
