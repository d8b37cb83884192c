/** Hybrid hierarchies: groups and quotas in v1, processes in the root of v2. Trees that stand in for proc and the mounts. */
import { expect, test } from 'vitest';
import { unnamedGroups } from '../../src/bpf/cgroups.ts';
import { safe } from '../../src/lib/sanitize.ts';
import { v1Mount, v1Only, v1Path } from '../../src/system/cgroups.ts';
import { parseCpuStat, QuotaReader } from '../../src/system/quota.ts';
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
	expect(unnamedGroups({ procRoot: proc })).toEqual([expect.stringContaining('(memory:/docker/0123) have no name')]);
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
