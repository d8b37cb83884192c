import { expect, test } from 'vitest';
import { choicesOf, move, shownColumns, toggle } from '../../src/ui/state/columns.ts';
import { someColumns as columns } from './fixtures/columns.ts';

test('columns: order, hiding, and the last one stays', () => {
	const all = choicesOf(columns as never, null);
	const moved = move(all, 0, 1);
	expect(moved.slice(0, 2).map(({ key }) => key)).toEqual(['comm', 'pid']);
	expect(move(all, 0, -1)).toBe(all);
	expect(shownColumns(columns, toggle(moved, 0)).map(({ key }) => key)).not.toContain('comm');
	let left = all;
	for (let index = 0; index < all.length; index++) left = toggle(left, index);
	expect(shownColumns(columns, left)).toHaveLength(1);
});
