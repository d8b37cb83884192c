import { expect, test } from 'vitest';
import { IdleRows } from '../../src/lib/idle-rows.ts';

function listed(idle: IdleRows<string>): string[] {
	const rows: string[] = [];
	idle.appendTo(rows);
	return rows;
}

test('rows keep their places while others come, wake up and go', () => {
	const [a, b, c, d] = [{}, {}, {}, {}];
	const idle = new IdleRows<string>();
	idle.set(a, 'a');
	idle.set(b, 'b');
	idle.set(c, 'c');
	idle.hide(b);
	expect(listed(idle)).toEqual(['a', 'c']);
	idle.set(b, 'b again');
	expect(listed(idle)).toEqual(['a', 'b again', 'c']);
	idle.remove(a);
	idle.remove(a);
	idle.hide(d);
	expect(listed(idle)).toEqual(['b again', 'c']);
	idle.set(d, 'd');
	idle.set(a, 'a again');
	expect(listed(idle)).toEqual(['d', 'b again', 'c', 'a again']);
});
