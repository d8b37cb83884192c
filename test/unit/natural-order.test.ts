import { expect, test } from 'vitest';
import { byNumbers } from '../../src/lib/natural-order.ts';

test('numbers in names are compared as numbers', () => {
	const names = [
		'cpu10',
		'cpu2',
		'intel-rapl:1',
		'intel-rapl:0:10',
		'intel-rapl:0:2',
		'intel-rapl:0',
		'',
		'7',
		'cpu',
		'cpu02',
	];
	const sorted = [
		'',
		'7',
		'cpu',
		'cpu02',
		'cpu2',
		'cpu10',
		'intel-rapl:0',
		'intel-rapl:0:2',
		'intel-rapl:0:10',
		'intel-rapl:1',
	];
	expect([...names].sort(byNumbers)).toEqual(sorted);
	expect([...names].reverse().sort(byNumbers)).toEqual(sorted);
});
