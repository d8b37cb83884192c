import { describe, expect, test } from 'vitest';
import type { Snapshot } from '../../src/core/snapshot.ts';
import { fromText, toText } from '../../src/recording/columns-text.ts';
import { HEAD, KINDS, packFrame, readHead, unpackFrame } from '../../src/recording/frame.ts';
import { checkedSnapshot } from '../../src/recording/validate.ts';
import { generator } from '../lib/random.ts';
import { intervals, plain, recordedTabs } from './record-fixtures.ts';

const all = intervals(3).flat();

describe('a snapshot as text', () => {
	test('comes back as JSON would give it, its fields in the same order', () => {
		for (const snapshot of all) expect(JSON.stringify(fromText(toText(snapshot)))).toBe(JSON.stringify(snapshot));
	});

	test.each<[string, readonly object[]]>([
		['no rows', []],
		['rows without fields', [{}, {}]],
		['missing and undefined fields', [{ a: 1, b: undefined }, { b: 2 }, { a: null, b: 'x' }]],
		['several kinds of values', [{ a: 1 }, { a: 'one' }, { a: [1] }, { a: { b: [] } }, { a: null }, { a: true }]],
		[
			'lists of lists',
			[
				{
					a: [
						[1, 2],
						[3, 4],
					],
				},
				{ a: [] },
				{ a: [[5, 6]] },
				{ a: [[]] },
			],
		],
		['lists of records', [{ a: [{ b: 1 }, { b: 2, c: 3 }] }, { a: [{ b: 1 }] }]],
		['names of fields that objects have', [JSON.parse('{"__proto__":1,"constructor":2}')]],
		['numbers that JSON lacks', [{ a: Number.NaN, b: Number.POSITIVE_INFINITY, c: -0 }]],
	])('%s', (_, rows) => {
		const snapshot = { ...(all[0] as Snapshot), rows };
		expect(JSON.stringify(fromText(toText(snapshot)))).toBe(JSON.stringify(snapshot));
	});

	test('is made inert', () => {
		const rows = [{ 'na\x1bme': 'a\x1b[2J', list: ['\x07'] }];
		expect(fromText(toText({ ...(all[0] as Snapshot), rows }))['rows']).toEqual([{ 'na^[me': 'a^[[2J', list: ['^G'] }]);
	});

	const text = (head: object, rows: unknown) => Buffer.from(JSON.stringify({ head, rows }));
	const deep = JSON.parse(`${'{"k":["a"],"c":['.repeat(40)}[1]${']}'.repeat(40)}`) as unknown;
	test.each<[string, Buffer, RegExp]>([
		['no JSON', Buffer.from('{'), /JSON/],
		['no UTF-8', Buffer.from([0x22, 0xff, 0x22]), /encoded data/],
		['no head', text([], []), /not a snapshot/],
		['a number of rows that is none', text({ rows: -1 }, []), /not a snapshot/],
		['fewer values than rows', text({ rows: 3 }, [1, 2]), /another number/],
		['rows without end', text({ rows: 1e15 }, { k: [], c: [] }), /too many values/],
		['lists without end', text({ rows: 2 }, { l: 1e15, v: [] }), /too many values/],
		['lengths that are none', text({ rows: 2 }, { l: [1, -1], v: [] }), /without lengths/],
		['parts that are not there', text({ rows: 1 }, { i: [7], p: [[1]] }), /no part/],
		['objects among plain values', text({ rows: 1 }, [{ a: 1 }]), /none/],
		['a key twice', text({ rows: 1 }, { k: ['a', 'a'], c: [[1], [2]] }), /key twice/],
		['deep nesting', text({ rows: 1 }, deep), /too deep/],
	])('refuses %s', (_, bytes, reason) => {
		expect(() => fromText(bytes)).toThrow(reason);
	});
});

describe('a frame', () => {
	const facts = { kind: KINDS.snapshot, tab: 3, level: 2, findings: 4, busy: 0.256, wall: 1.7e12, mono_ns: 5e9 };
	const [first, second] = [all[0], all[6]].map((snapshot) => toText(snapshot as Snapshot)) as [Buffer, Buffer];

	test('states its facts, and unpacks with its dictionary only', () => {
		const key = packFrame(facts, first, undefined);
		const frame = packFrame(facts, second, first);
		expect(readHead(key)).toMatchObject({ ...facts, key: true, raw: first.length, stored: key.length - HEAD });
		const head = readHead(frame);
		if (!head) throw new Error('no head');
		expect(head).toMatchObject({ ...facts, key: false });
		expect(unpackFrame(head, frame.subarray(HEAD), first)).toEqual(second);
		expect(() => unpackFrame(head, frame.subarray(HEAD), second)).toThrow();
		expect(frame.length).toBeLessThan(packFrame(facts, second, undefined).length);
	});

	test('no byte changes without being noticed', () => {
		const frame = packFrame(facts, second, first);
		for (let at = 0; at < frame.length; at += at < HEAD ? 1 : 37) {
			const changed = Buffer.from(frame);
			changed[at] = (changed[at] as number) ^ 0x10;
			const head = readHead(changed);
			if (at < HEAD) expect(head).toBeUndefined();
			else expect(() => unpackFrame(head as never, changed.subarray(HEAD), first)).toThrow('damaged');
		}
	});
});

test('bytes that mean nothing end in an error, never in anything else', () => {
	const random = generator(7);
	const valid = toText(all[1] as Snapshot);
	let refused = 0;
	for (let round = 0; round < 300; round++) {
		const bytes = Buffer.from(valid);
		for (let change = 0; change < 1 + (round % 5); change++)
			bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
		try {
			const snapshot = checkedSnapshot(fromText(bytes), recordedTabs);
			// a figure may have become another one: what is shown is still a snapshot
			expect(Array.isArray(plain(snapshot).rows)).toBe(true);
		} catch (error) {
			refused++;
			expect(error).toBeInstanceOf(Error);
		}
	}
	expect(refused).toBeGreaterThan(30);
});
