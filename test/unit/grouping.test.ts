import { describe, expect, test } from 'vitest';
import { type Fold, sums } from '../../src/core/fold.ts';
import type { Column } from '../../src/core/tracer.ts';
import { percentile, slotCount, toBuckets, toSlots } from '../../src/lib/histogram.ts';
import { sanitize } from '../../src/lib/sanitize.ts';
import { registry } from '../../src/registry.ts';
import { type ProcessFacts, ProcFacts } from '../../src/rows/grouping/facts.ts';
import { regroup } from '../../src/rows/grouping/regroup.ts';
import { filterTree, sortTree, treeIndent } from '../../src/rows/tree.ts';
import { energyFold } from '../../src/tracers/energy/fold.ts';
import type { EnergyRow } from '../../src/tracers/energy/snapshot.ts';
import { irqTimeFold } from '../../src/tracers/irq/fold.ts';
import type { IrqRow } from '../../src/tracers/irq/snapshot.ts';
import { waitsFold } from '../../src/tracers/runqlat/fold.ts';
import type { RunqlatRow } from '../../src/tracers/runqlat/snapshot.ts';
import { makeTree } from '../lib/tree.ts';

interface Row {
	pid: number;
	start: number;
	name: string;
	n: number;
	depth?: number;
}

const fold: Fold<Row> = {
	groups: ['user', 'command', 'pidns', 'tree'],
	comm: (row) => sanitize(row.name),
	merge: (rows) => ({ ...rows[0], ...sums(rows, ['n']) }),
	named: (row, { kind, id, name }) => ({ ...row, pid: 0, name: `${kind} ${id} ${name}` }),
};
const processOf = (row: Row) => (row.pid > 0 ? `${row.pid}:${row.start}` : undefined);

/** pid → parent, user, namespace. */
function factsOf(known: Record<number, [parent: number, uid: number, pidns: number]>): ProcessFacts {
	return {
		begin: () => {},
		parent: ({ pid }) => known[pid]?.[0] ?? 0,
		pidns: ({ pid }) => known[pid]?.[2] ?? 0,
		cgroup: () => sanitize(''),
		user: ({ pid }) => ({ uid: known[pid]?.[1] ?? -1, name: sanitize(`u${known[pid]?.[1] ?? '?'}`) }),
	};
}

const row = (pid: number, n: number, name = `p${pid}`): Row => ({ pid, start: pid, name, n });
const rows = [row(0, 100, 'all'), row(1, 1), row(10, 2, 'sh'), row(11, 4, 'sh'), row(20, 8), row(30, 16)];
// 25 is not listed; 30 is its child
const facts = factsOf({ 1: [0, 0, 7], 10: [1, 1, 7], 11: [10, 1, 8], 20: [1, 2, 8], 25: [20, 0, 7], 30: [25, 2, 8] });
const shape = (all: readonly Row[]) => all.map(({ name, n, depth }) => [depth ?? '-', name, n]);

describe('groups made of rows of processes', () => {
	test('user, command and pid namespace: every row is in one group', () => {
		const by = (group: 'user' | 'command' | 'pidns') => shape(regroup(rows, group, fold, processOf, facts));
		expect(by('user')).toEqual([
			['-', 'all', 100],
			['-', 'user 0 u0', 1],
			['-', 'user 1 u1', 6],
			['-', 'user 2 u2', 24],
		]);
		expect(by('command').find(([, name]) => name === 'command 0 sh')?.[2]).toBe(6);
		// called after its first process
		expect(by('pidns').map(([, name]) => name)).toEqual(['all', 'pidns 7 p1', 'pidns 8 sh']);
	});

	test('control group: by the path in the row, without a question to /proc', () => {
		const paths: Record<string, string> = { p1: '/init', p20: '', p30: '' };
		const inGroups: Fold<Row> = { ...fold, cgroup: ({ name }) => sanitize(paths[name] ?? '/a/b.service') };
		const asks = () => {
			throw new Error('not needed');
		};
		const none: ProcessFacts = { begin: () => {}, parent: asks, pidns: asks, cgroup: asks, user: asks };
		expect(shape(regroup(rows, 'cgroup', inGroups, processOf, none))).toEqual([
			['-', 'all', 100],
			['-', 'cgroup 0 /init', 1],
			['-', 'cgroup 0 /a/b.service', 6],
			['-', 'cgroup 0 ', 24],
		]);
	});

	test('user: of the row, where rows have it', () => {
		const withUsers: Fold<Row> = { ...fold, user: ({ n }) => sanitize(n > 4 ? 'bob' : 'ann') };
		expect(shape(regroup(rows.slice(1), 'user', withUsers, processOf, facts))).toEqual([
			['-', 'user 0 ann', 7],
			['-', 'user 0 bob', 24],
		]);
	});

	test('every tracer that folds control groups has the path in its rows', () => {
		for (const { tracer } of registry) {
			if (tracer.fold?.groups.includes('cgroup')) expect(tracer.fold.cgroup, tracer.id).toBeDefined();
		}
	});

	test('tree: figures contain those below; a process whose parent is not listed belongs to the next listed ancestor', () => {
		expect(shape(regroup(rows, 'tree', fold, processOf, facts))).toEqual([
			['-', 'all', 100],
			[0, 'p1', 31],
			[1, 'sh', 6],
			[2, 'sh', 4],
			[1, 'p20', 24],
			[2, 'p30', 16],
		]);
	});

	test('parents of each other, and long chains, are listed once', () => {
		const circle = factsOf({ 1: [2, 0, 0], 2: [3, 0, 0], 3: [1, 0, 0] });
		const found = regroup([row(1, 1), row(2, 2), row(3, 4)], 'tree', fold, processOf, circle);
		expect(found.map(({ pid }) => pid).sort()).toEqual([1, 2, 3]);
		expect(found.filter(({ depth }) => depth === 0).reduce((sum, { n }) => sum + n, 0)).toBe(7);
		const long = Array.from({ length: 20_000 }, (_, index) => row(index + 1, 1));
		const chain: ProcessFacts = { ...factsOf({}), parent: ({ pid }) => pid - 1 };
		const deep = regroup(long, 'tree', fold, processOf, chain);
		expect(deep[0]).toMatchObject({ depth: 0, n: 20_000 });
		expect(deep.at(-1)).toMatchObject({ depth: 19_999, n: 1 });
		expect(sortTree(deep, column, 'descending', 1)).toEqual(deep);
	});

	test('no group of no rows', () => {
		for (const group of fold.groups) expect(regroup([], group, fold, processOf, facts)).toEqual([]);
	});
});

const column = { key: 'n', kind: 'count', value: ({ n }: Row) => n } as unknown as Column<Row>;

describe('trees on the screen', () => {
	const tree = regroup(rows.slice(1), 'tree', fold, processOf, facts);

	test('only brothers and sisters change places', () => {
		expect(sortTree(tree, column, 'descending', 1).map(({ pid }) => pid)).toEqual([1, 20, 30, 10, 11]);
		expect(sortTree(tree, column, 'ascending', 1).map(({ pid }) => pid)).toEqual([1, 10, 11, 20, 30]);
		expect(sortTree(tree, undefined, 'ascending', 1)).toEqual(tree);
	});

	test('a filter keeps those above what it finds', () => {
		const found = (test: (row: Row) => boolean) => filterTree(tree, test).map(({ pid }) => pid);
		expect(found(({ pid }) => pid === 30)).toEqual([1, 20, 30]);
		expect(found(({ pid }) => pid === 10)).toEqual([1, 10]);
		expect(found(({ pid }) => pid === 11 || pid === 20)).toEqual([1, 10, 11, 20]);
		expect(found(() => false)).toEqual([]);
	});

	test('indentation leaves room for the name', () => {
		expect(treeIndent({ depth: 0 }, 20)).toBe('');
		expect(treeIndent({ depth: 2 }, 20)).toBe(' └ ');
		expect(treeIndent({ depth: 500 }, 20).length).toBe(10);
		expect(treeIndent({}, 20)).toBe('');
		expect(treeIndent({ depth: 3 }, 2)).toBe('');
	});
});

/** Waits of so many ns each, as a row has them. */
function waits(pid: number, times: readonly number[]): RunqlatRow {
	const slots = new Float64Array(slotCount(2));
	const max_ns = Math.max(...times);
	for (const ns of times) toSlots([[2 ** Math.ceil(Math.log2(ns + 1)), 1]], slots);
	const wait_ns = times.reduce((sum, ns) => sum + ns, 0);
	return {
		key: { kind: 'process', id: pid, comm: sanitize('x'), start_time: pid },
		count: times.length,
		wait_ns,
		mean_ns: Math.round(wait_ns / times.length),
		p50_ns: percentile(slots, 0.5, max_ns),
		p90_ns: percentile(slots, 0.9, max_ns),
		p99_ns: percentile(slots, 0.99, max_ns),
		max_ns,
		zones: [times.length, 0],
		buckets: toBuckets(slots, max_ns),
		voluntary: 1,
		count_total: 2 * times.length,
		wait_ns_total: 2 * wait_ns,
	};
}

describe('how figures are added up', () => {
	test('percentiles of waits are those of all of them, not means of percentiles', () => {
		const short = Array.from({ length: 990 }, () => 1000);
		const long = Array.from({ length: 10 }, () => 50e6);
		const together = waits(1, [...short, ...long]);
		const merged = waitsFold.merge([waits(1, short), waits(2, long)]);
		expect(merged).toEqual({ ...together, zones: [1000, 0], voluntary: 2 });
		expect(merged.p50_ns).toBeLessThan(2000);
		expect(waitsFold.named(merged, { kind: 'user', id: 7, name: sanitize('joe') }).key).toEqual({
			kind: 'user',
			id: 7,
			comm: 'joe',
		});
	});

	test('the longest wait is kept beyond the last slot', () => {
		const merged = waitsFold.merge([waits(1, [200e9]), waits(2, [1000])]);
		expect(merged).toMatchObject({ max_ns: 200e9, count: 2 });
		expect(merged.buckets.reduce((sum, [, count]) => sum + count, 0)).toBe(2);
	});

	test('energy: the sum is the whole; history from the newest on', () => {
		const energy = (uj: number, history?: readonly number[]) =>
			({ pid: uj, energy_uj: uj, watts: uj / 2, threads: 1, ...(history && { history }) }) as EnergyRow;
		expect(energyFold.merge([energy(3, [1, 2, 3]), energy(5, [10]), energy(0)])).toEqual({
			pid: 3,
			energy_uj: 8,
			watts: 4,
			threads: 3,
			history: [1, 2, 13],
		});
	});

	test('IRQ time', () => {
		const interrupted = (pid: number, ns: number) =>
			({
				kind: 'irq_time',
				name: sanitize('x'),
				count: 1,
				time_ns: ns,
				irq_time: {
					interrupted: 'process',
					pid,
					start_time: pid,
					cgroup: sanitize('/'),
					hard_ns: ns,
					soft_ns: 0,
					vector_ns: 0,
				},
			}) as unknown as IrqRow;
		const merged = irqTimeFold.merge([interrupted(1, 10), interrupted(2, 20)]);
		expect(merged).toMatchObject({ count: 2, time_ns: 30, irq_time: { pid: 1, hard_ns: 30 } });
		expect(irqTimeFold.named(merged, { kind: 'command', id: 0, name: sanitize('y') })).toMatchObject({
			name: 'y',
			irq_time: { interrupted: 'command', pid: 0, cgroup: '' },
		});
		expect(irqTimeFold.named(merged, { kind: 'cgroup', id: 0, name: sanitize('/a') })).toMatchObject({
			name: '/a',
			irq_time: { interrupted: 'cgroup', pid: 0, cgroup: '/a' },
		});
	});
});

test('the control group of a process that is moved follows; of another process with its pid it is not taken', () => {
	const tree = makeTree();
	tree.set('5/stat', `5 (a) b) S 1 ${'0 '.repeat(17)}100 0\n`);
	const facts = new ProcFacts(tree.root);
	const group = () => facts.cgroup({ pid: 5, start: 1e9 });
	tree.set('5/cgroup', '0::/a\n');
	expect(group()).toBe('/a');
	expect(facts.cgroup({ pid: 5, start: 9e9 })).toBe('');
	tree.set('5/cgroup', '0::/b\n');
	expect(group()).toBe('/a');
	facts.begin();
	expect(group()).toBe('/b');
	tree.remove('5');
	for (let interval = 0; interval < 4; interval++) facts.begin();
	expect(group()).toBe('/b');
});

test('facts from /proc: of the process that is meant, asked seldom', () => {
	const tree = makeTree();
	const write = (pid: number, parent: number, start: number, uid: number) => {
		tree.set(`${pid}/stat`, `${pid} (a) b) S ${parent} ${'0 '.repeat(17)}${start} 0\n`);
		tree.set(`${pid}/status`, `Uid:\t0\t${uid}\t0\t0\n`);
		tree.remove(`${pid}/ns/pid`);
		tree.link(`${pid}/ns/pid`, 'pid:[4026531836]');
	};
	write(5, 1, 100, 54321);
	const facts = new ProcFacts(tree.root);
	expect(facts.parent({ pid: 5, start: 1e9 })).toBe(1);
	expect(facts.user({ pid: 5, start: 1e9 })).toEqual({ uid: 54321, name: '54321' });
	expect(facts.pidns({ pid: 5, start: 1e9 })).toBe(4026531836);
	expect(facts.parent({ pid: 5, start: 9e9 })).toBe(0);
	expect(facts.user({ pid: 5, start: 9e9 }).name).toBe('(ended)');
	write(5, 2, 100, 0);
	expect(facts.parent({ pid: 5, start: 1e9 })).toBe(1);
	expect(facts.parent({ pid: 5, start: 1e9 }, true)).toBe(2);
	// young ones are asked again soon, old ones seldom
	write(5, 3, 100, 0);
	const parents = Array.from({ length: 6 }, () => {
		facts.begin();
		return facts.parent({ pid: 5, start: 1e9 });
	});
	expect(parents.lastIndexOf(2)).toBeLessThan(parents.indexOf(3));
	expect(parents.at(-1)).toBe(3);
	write(5, 2, 100, 0);
	expect(facts.parent({ pid: 5, start: 1e9 }, true)).toBe(2);
	// by its pid alone: asked anew in the next interval
	expect(facts.parent({ pid: 5, start: 0 })).toBe(2);
	tree.remove('5');
	expect(facts.parent({ pid: 5, start: 0 })).toBe(2);
	facts.begin();
	expect(facts.parent({ pid: 5, start: 0 })).toBe(0);
	// what was known of the dead stays
	write(6, 1, 100, 0);
	for (let pid = 100; pid < 4100; pid++) expect(facts.parent({ pid, start: 1 })).toBe(0);
	// thousands of ended processes leave the reads of the interval to living ones
	expect(facts.parent({ pid: 6, start: 1e9 })).toBe(1);
	expect(facts.parent({ pid: 5, start: 1e9 }, true)).toBe(2);
});

test('facts from /proc: more new processes than are read in one interval wait for the next', () => {
	const tree = makeTree();
	const last = 120;
	for (let pid = 100; pid <= last; pid++) tree.set(`${pid}/stat`, `${pid} (a) S 1 ${'0 '.repeat(17)}100 0\n`);
	const facts = new ProcFacts(tree.root, last - 100);
	for (let pid = 100; pid < last; pid++) facts.parent({ pid, start: 1e9 });
	expect(facts.parent({ pid: last, start: 1e9 })).toBe(0);
	facts.begin();
	expect(facts.parent({ pid: last, start: 1e9 })).toBe(1);
});
