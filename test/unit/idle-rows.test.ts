import { expect, test } from 'vitest';
import { IdleRows } from '../../src/lib/idle-rows.ts';

function listed(roster: IdleRows<string>): string[] {
	const rows: string[] = [];
	roster.appendTo(rows);
	return rows;
}

test('rows keep their places while others come, wake up and go', () => {
	const [a, b, c, d] = [{}, {}, {}, {}];
	const roster = new IdleRows<string>();
	roster.set(a, 'a');
	roster.set(b, 'b');
	roster.set(c, 'c');
	roster.hide(b);
	expect(listed(roster)).toEqual(['a', 'c']);
	roster.set(b, 'b again');
	expect(listed(roster)).toEqual(['a', 'b again', 'c']);
	roster.remove(a);
	roster.remove(a);
	roster.hide(d);
	expect(listed(roster)).toEqual(['b again', 'c']);
	roster.set(d, 'd');
	roster.set(a, 'a again');
	expect(listed(roster)).toEqual(['d', 'b again', 'c', 'a again']);
});
