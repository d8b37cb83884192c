/** The icicle: what the filter found, what is selected, and the difference to a baseline. */
import { expect, test } from 'vitest';
import { treeOf } from '../../src/profile/tree.ts';
import { icicleLines, type Marks } from '../../src/ui/tabs/profile/icicle.ts';

const frames = (...names: string[]) => names.map((name) => ({ name, kind: 'user' }));
const root = treeOf([
	{ frames: frames('main', 'parse'), value: 60 },
	{ frames: frames('main', 'write'), value: 40 },
]);
const none: Marks = { selected: null, matches: () => false, change: () => null };
const lines = (marks: Partial<Marks>) => icicleLines(root, [], { ...none, ...marks }, 40, 5);
const textOf = (line: (typeof root)['name'] | ReturnType<typeof lines>[number]) =>
	typeof line === 'string' ? line : line.map((span) => (typeof span === 'string' ? span : span[1])).join('');
const roleOf = (marks: Partial<Marks>, name: string) =>
	lines(marks)
		.flat()
		.find((span) => typeof span !== 'string' && span[1]?.includes(name))?.[0];

test('boxes are as wide as their shares', () => {
	const [first, second] = lines({}).map(textOf);
	expect(first).toMatch(/^▏main {35}$/);
	expect(second).toMatch(/^▏parse {18}▏write {10}$/);
});

test('what the filter found is highlighted, not its callers', () => {
	const marks = { matches: (path: readonly string[]) => path.join() === 'main,write' };
	expect(roleOf(marks, 'write')).toBe('alert');
	expect(roleOf(marks, 'parse')).toBe('series2');
	expect(roleOf(marks, 'main')).toBe('series2');
});

test('a difference graph: signs and colours by the change, none for what stayed', () => {
	const change = (path: readonly string[]) => (path.at(-1) === 'parse' ? 0.123 : path.at(-1) === 'write' ? -0.123 : 0);
	expect(textOf(lines({ change })[1] as never)).toMatch(/^▏\+12 parse +▏-12 write/);
	expect(roleOf({ change }, 'parse')).toBe('bad');
	expect(roleOf({ change }, 'write')).toBe('good');
	expect(roleOf({ change }, 'main')).toBe('dim');
});
