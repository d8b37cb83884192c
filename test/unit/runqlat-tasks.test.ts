import { expect, test } from 'vitest';
import { sanitize } from '../../src/lib/sanitize.ts';
import { account } from '../../src/tracers/runqlat/account.ts';
import { Tasks } from '../../src/tracers/runqlat/tasks.ts';

function wait(tasks: Tasks<ReturnType<typeof account>>, id: number, ns: number): void {
	tasks.get(id, 0)?.waits.grow({ slots: [0], added: [1], count: 1, sum_ns: ns, max_ns: ns });
}

function remove(tasks: Tasks<ReturnType<typeof account>>, id: number): void {
	const task = tasks.find(id, 0);
	if (task) tasks.delete(task);
}

function crowd(known: number): Tasks<ReturnType<typeof account>> {
	const tasks = new Tasks(2, 4);
	for (let id = 1; id <= known; id++) expect(tasks.add(account(id, 0, id, sanitize(`task${id}`)))).toBe(id <= 4);
	return tasks;
}

test('tasks beyond those with rows are in one sum, which is a row; those beyond are refused', () => {
	const tasks = crowd(5);
	for (const id of [1, 2, 3, 4, 5]) wait(tasks, id, 10 ** id);
	const rows = [...tasks.rows()].map(({ comm, waits }) => [comm, waits.count, waits.sum_ns]);
	expect(rows).toEqual([
		['task1', 1, 10],
		['task2', 1, 100],
		['(unlisted)', 2, 11_000],
	]);
	tasks.beginInterval();
	expect([...tasks.rows()].map(({ waits }) => [waits.count, waits.count_total])).toEqual([
		[0, 1],
		[0, 1],
		[0, 2],
	]);
});

test('where a row becomes free, the next one that is seen gets it', () => {
	const tasks = crowd(3);
	wait(tasks, 3, 5);
	remove(tasks, 1);
	wait(tasks, 3, 7);
	expect([...tasks.rows()].map(({ comm, waits }) => [comm, waits.sum_ns])).toEqual([
		['task2', 0],
		['task3', 7],
		['(unlisted)', 5],
	]);
	tasks.clear();
	expect([...tasks].length).toBe(0);
});

test('few tasks: no such row', () => {
	expect([...crowd(2).rows()].map(({ comm }) => comm)).toEqual(['task1', 'task2']);
});

test('news: tasks reported in this interval or the one before, and always the sum of those without a row', () => {
	const tasks = crowd(3);
	const told = () => [...tasks.news()].map(({ comm, waits }) => [comm, waits.count]);
	tasks.beginInterval();
	tasks.beginInterval();
	expect(told()).toEqual([['(unlisted)', 0]]);
	wait(tasks, 2, 5);
	expect(told()).toEqual([
		['task2', 1],
		['(unlisted)', 0],
	]);
	tasks.beginInterval();
	expect(told()).toEqual([
		['task2', 0],
		['(unlisted)', 0],
	]);
	tasks.beginInterval();
	expect(told()).toEqual([['(unlisted)', 0]]);
	tasks.get(1, 0);
	remove(tasks, 1);
	expect(told()).toEqual([['(unlisted)', 0]]);
});

test('a task without news keeps its totals', () => {
	const tasks = crowd(2);
	wait(tasks, 2, 5);
	for (let interval = 0; interval < 4; interval++) tasks.beginInterval();
	wait(tasks, 2, 7);
	const [, second] = [...tasks.rows()];
	expect(second?.waits).toMatchObject({ count: 1, sum_ns: 7, count_total: 2, sum_ns_total: 12 });
	expect(second?.waits.buckets().map(([, count]) => count)).toEqual([1]);
});

test('tasks of one id are told apart by their start, also when the older one ends last', () => {
	const tasks = new Tasks();
	const [older, newer, thread] = [
		account(7, 1, 7, sanitize('older')),
		account(7, 2, 7, sanitize('newer')),
		account(7, 2, 5, sanitize('thread'), 1),
	];
	for (const one of [older, newer, thread]) tasks.add(one);
	expect([tasks.find(7, 1), tasks.find(7, 2), tasks.find(7, 2, 5, 1)]).toEqual([older, newer, thread]);
	expect([...tasks]).toHaveLength(3);
	tasks.delete(thread);
	expect([tasks.has(7, 1), tasks.has(7, 2), tasks.find(7, 2, 5, 1)]).toEqual([true, true, undefined]);
	tasks.delete(newer);
	expect([tasks.has(7, 1), tasks.has(7, 2)]).toEqual([true, false]);
	tasks.delete(older);
	expect([...tasks]).toEqual([]);
});
