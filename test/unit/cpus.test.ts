/** Machines as trees: fewer CPUs than there are, and files that containers mount over the machine's. */
import { expect, test } from 'vitest';
import { machineChecks } from '../../src/commands/doctor/machine.ts';
import { sanitize } from '../../src/lib/sanitize.ts';
import { allowedCpus, cpuLimit, offlineCpus, onlineCpus } from '../../src/system/cpus.ts';
import { procOption, whyHidden } from '../../src/system/kernel-text.ts';
import { Processors } from '../../src/tracers/energy/power/cpufreq.ts';
import { OverviewSession } from '../../src/tracers/overview/session.ts';
import { treePerTest } from '../lib/tree.ts';
import { fakeHost } from './sampling-fixtures.ts';

const tree = treePerTest();
const roots = () => [tree.path('proc'), tree.path('sys')] as const;

test('online, offline and allowed CPUs are three things', () => {
	tree.set('sys/devices/system/cpu/online', '0-3,6\n');
	tree.set('sys/devices/system/cpu/present', '0-7\n');
	tree.set('sys/devices/system/cpu/possible', '0-127\n');
	tree.set('proc/self/status', 'Name:\tx\nCpus_allowed:\t12\nCpus_allowed_list:\t1,4\n');
	tree.set('proc/stat', 'cpu  1 2 3\ncpu0 1 2 3\n');
	expect(onlineCpus(...roots())).toEqual([0, 1, 2, 3, 6]);
	expect(offlineCpus(...roots())).toEqual([4, 5, 7]);
	expect(allowedCpus(roots()[0])).toEqual([1, 4]);
	expect(cpuLimit(...roots())).toBe('this process may use 1 of them (affinity or cpuset)');
	tree.set('proc/self/status', 'Cpus_allowed_list:\t0-127\n');
	expect(cpuLimit(...roots())).toBe('');
});

test('without sysfs, from the header of interrupts, else from stat; else not known', () => {
	tree.set('proc/stat', 'cpu  1 2 3\ncpu0 1 2 3\ncpu5 1 2 3\nintr 1\n');
	expect(onlineCpus(...roots())).toEqual([0, 5]);
	tree.set('proc/interrupts', '            CPU0       CPU1       CPU12\n  1: 0 0 0 x\n');
	expect(onlineCpus(...roots())).toEqual([0, 1, 12]);
	tree.remove('proc');
	expect(onlineCpus(...roots())).toEqual([]);
});

test('a file of another file system is not the machine’s', () => {
	// proc's version of a file, in a tree of the disk, as lxcfs does it the other way round
	tree.link('proc/stat', '/proc/stat');
	expect(whyHidden(tree.path('proc'), 'stat')).toMatch(/another file system is mounted over .*\/stat \(lxcfs/);
	tree.link('sys/devices/system/cpu/online', '/proc/self/comm');
	expect(onlineCpus(...roots())).toEqual([]);
});

test('the options of the proc mount: the topmost mount counts', () => {
	tree.set(
		'proc/self/mountinfo',
		'21 1 0:20 / /proc rw - proc proc rw,hidepid=invisible\n22 21 0:21 / /proc rw,nosuid - proc proc rw,subset=pid\n23 1 0:9 / /x rw - tmpfs proc rw,hidepid=2\n',
	);
	expect(procOption(tree.path('proc'), 'subset')).toBe('pid');
	expect(procOption(tree.path('proc'), 'hidepid')).toBeUndefined();
	expect(whyHidden(tree.path('proc'), 'stat')).toBe(
		`proc is mounted with subset=pid, which leaves out ${tree.path('proc/stat')}`,
	);
	tree.set('proc/self/status', 'CapEff:\t000001ffffffffff\n');
	const checks = machineChecks({ ...fakeHost(), procRoot: tree.path('proc'), sysRoot: tree.path('sys'), cpus: 0 }, 'w');
	const named = (name: string) => checks.find((check) => check.name === name);
	expect(named('CPUs')).toMatchObject({ state: 'less', found: ['how many are online is not known'] });
	expect(named('PSI')?.fix).toMatch(/ProcSubset=all/);
	expect(named('proc')?.found.join()).toMatch(/subset=pid/);
});

test('CPUs that come and go, and a package that comes later', () => {
	const cpu = (number: number, of: number) =>
		tree.set(`sys/devices/system/cpu/cpu${number}/topology/physical_package_id`, `${of}\n`);
	for (const [number, of] of [
		[0, 0],
		[1, 0],
		[2, 1],
		[3, 1],
	] as const)
		cpu(number, of);
	tree.set('sys/devices/system/cpu/online', '0-2\n');
	const processors = new Processors(tree.path('sys'), 1, 99);
	expect([processors.packages, processors.cpus]).toEqual([
		[0, 1],
		[2, 1],
	]);
	tree.set('sys/devices/system/cpu/online', '0,2-3\n');
	processors.tick();
	expect([processors.packages, processors.cpus, processors.packageOf(3)]).toEqual([[0, 1], [1, 2], 1]);
	cpu(4, 7);
	tree.set('sys/devices/system/cpu/online', '0,4\n');
	processors.tick();
	expect([processors.packages, processors.cpus, processors.packageOf(4)]).toEqual([[0, 1], [2, 0], 0]);
	expect(processors.changes).toBe(2);
});

test('what needs the number of CPUs is not judged without it', () => {
	const readers = {
		pressure: { read: () => null, why: () => sanitize('no proc here') },
		groups: { read: () => ({}) },
		quota: { read: () => [] },
	};
	const energy = {
		tab: 'energy',
		rows: [],
		lost: {},
		cost: { bpf_ns: 0, cpu_ns: 0 },
		irq_ns: 0,
		irq_in_rows_ns: 0,
		source: {},
	};
	const runqlat = {
		tab: 'runqlat',
		rows: [],
		lost: {},
		cost: { bpf_ns: 0, cpu_ns: 0 },
		source: {},
		waiting: [],
		culprits: [],
	};
	const tick = new Map(Object.entries({ energy, runqlat })) as never;
	const { extra } = new OverviewSession(() => 0, readers).read(1e9, 'process', tick);
	expect(extra.totals.cpus).toBeNull();
	const reasons = Object.fromEntries(extra.unchecked.map(({ rule, reason }) => [rule, reason]));
	expect(reasons).toMatchObject({
		'cpu-saturated': expect.stringContaining('number of online CPUs is not known'),
		waits: expect.stringContaining('number of online CPUs is not known'),
		pressure: 'no proc here',
	});
});
