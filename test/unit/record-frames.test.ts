import { describe, expect, test } from 'vitest';
import type { Snapshot } from '../../src/core/snapshot.ts';
import { figuresOf, slotCount, slotLower } from '../../src/lib/histogram.ts';
import { fromText, toText } from '../../src/recording/columns-text.ts';
import { dictionaryOf, HEAD, KINDS, packFrame, readHead, unpackFrame } from '../../src/recording/frame.ts';
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

	test('columns that follow from others are left out, and come back to the last bit', () => {
		const dt_ns = 1_000_326_501;
		const rows = [679_638_355, 0, 7].map((cpu_ns, at) => ({
			cpu_ns,
			cpu_ns_total: cpu_ns + at * 1e12,
			energy_uj: Math.round(cpu_ns / 170),
			watts: (Math.round(cpu_ns / 170) / dt_ns) * 1000,
			share: Math.round(cpu_ns / 170) / 3_333_331,
			// no rate of the energy: stored as it is
			...(at === 2 && { gpu: 0.1 + 0.2 }),
		}));
		const snapshot = { ...(all[0] as Snapshot), dt_ns, measured_uj: 3_333_331, rows } as unknown as Snapshot;
		const text = toText(snapshot);
		expect(JSON.stringify(fromText(text))).toBe(JSON.stringify(snapshot));
		expect(text.toString().match(/"d":"ratio"/g)).toHaveLength(4);
		const wrong = rows.map((row, at) => (at === 1 ? { ...row, watts: 1e-9 } : row));
		const odd = { ...snapshot, rows: wrong };
		expect(JSON.stringify(fromText(toText(odd)))).toBe(JSON.stringify(odd));
	});

	test('percentiles and means of real histograms are left out', () => {
		const runqlat = all.find(({ tab }) => tab === 'runqlat') as Snapshot;
		const rows = [4, 2].flatMap((sub) => {
			const slots = new Float64Array(slotCount(sub));
			for (const slot of [3, 40, 41, 57]) slots[slot] = slot;
			const figures = figuresOf(slots, slotLower(58, slots.length) - 3);
			return [{ count: 141, wait_ns: 12_345_678, mean_ns: 87_558, sub, ...figures }];
		});
		for (const row of rows) {
			const snapshot = { ...runqlat, rows: [row] } as unknown as Snapshot;
			const text = toText(snapshot).toString();
			expect(JSON.stringify(fromText(Buffer.from(text)))).toBe(JSON.stringify(snapshot));
			expect(
				text.match(new RegExp(`"d":"rank","of":\\d+,"max":\\d+,"rank":0.\\d+,"sub":${row.sub}`, 'g')),
			).toHaveLength(3);
			expect(text).toContain('"d":"mean"');
		}
	});

	test.each([
		[{ d: 'total', of: 1, v: [1] }],
		[{ d: 'total', of: 0 }],
		[{ d: 'ratio', of: 0, by: 0, times: 1 }],
		[{ d: 'rank', of: 0, max: 0, rank: 0.5, sub: 99 }],
		[{ d: 'mean', of: 0, per: 7 }],
		[{ d: 'other', of: 0 }],
	])('a derived column that is none is refused: %j', (node) => {
		const { rows: _, ...head } = all[0] as Snapshot;
		const text = JSON.stringify({ head: { ...head, rows: 1 }, rows: { k: ['a', 'b'], c: [[1], node] } });
		expect(() => fromText(Buffer.from(text))).toThrow('a property without values');
	});

	const process = (pid: number, cpu_ns: number) => ({
		pid,
		start_time: 1e9 + (pid % 7) * 1e6,
		comm: `p${pid}`,
		cpu_ns,
	});
	test.each<[string, readonly { pid: number }[], RegExp]>([
		[
			'sorted by a figure',
			[process(3, 90), process(9, 40), process(2, 40), process(1, 0)],
			/"order":{"rows":{"by":"cpu_ns"/,
		],
		['in no order', [process(3, 1), process(9, 40), process(2, 7), process(1, 0)], /"order":{"rows":{.*"at":\[/],
		['in the order of their start', [process(7, 1), process(1, 40), process(9, 7)], /"order":{}}$/],
	])('processes %s come back as they were', (_, rows, order) => {
		const snapshot = { ...(all[0] as Snapshot), rows };
		const text = toText(snapshot);
		expect(JSON.stringify(fromText(text))).toBe(JSON.stringify(snapshot));
		expect(text.toString()).toMatch(order);
	});

	test('a process is at the same position in every interval, wherever it is sorted to', () => {
		const stored = (rows: readonly object[]) => {
			const text = JSON.parse(toText({ ...(all[0] as Snapshot), rows }).toString()) as {
				rows: { k: string[]; c: unknown[] };
			};
			return text.rows.c[text.rows.k.indexOf('comm')];
		};
		expect(stored([process(3, 90), process(9, 40), process(1, 0)])).toEqual(
			stored([process(9, 80), process(1, 9), process(3, 0)]),
		);
	});

	test.each([[{ at: [1] }], [{ at: [1, 1, 1] }], [{ at: [1, 0] }], [{ at: [2, -1.5] }], [{ at: 'x' }], [7]])(
		'an order that is none is refused: %j',
		(order) => {
			const { rows: _, ...head } = all[0] as Snapshot;
			const text = JSON.stringify({
				head: { ...head, rows: 2 },
				rows: { k: ['a'], c: [[1, 2]] },
				order: { rows: order },
			});
			expect(() => fromText(Buffer.from(text))).toThrow('without an order');
		},
	);

	test('columns that follow from each other in a circle are refused', () => {
		const { rows: _, ...head } = all[0] as Snapshot;
		const circle = [
			{ d: 'total', of: 1, v: [1] },
			{ d: 'total', of: 0, v: [1] },
		];
		const text = JSON.stringify({ head: { ...head, rows: 1 }, rows: { k: ['a', 'b'], c: circle } });
		expect(() => fromText(Buffer.from(text))).toThrow('a property without values');
	});

	test('a long chain of columns that follow from each other is refused before it takes minutes', () => {
		const { rows: _, ...head } = all[0] as Snapshot;
		const k = Array.from({ length: 20_000 }, (_, at) => `a${at}`);
		const c = k.map((_, at) => (at + 1 < k.length ? { d: 'entries', of: at + 1 } : []));
		const text = JSON.stringify({ head: { ...head, rows: 0 }, rows: { k, c } });
		expect(() => fromText(Buffer.from(text))).toThrow('too many values');
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

	test('of a chain needs the frame before it too, and is smaller for that', () => {
		const now = plain(all[6] as Snapshot);
		const third = toText({ ...now, rows: now.rows.slice(1) } as Snapshot);
		const frame = packFrame(facts, third, dictionaryOf(first, second), 6);
		const head = readHead(frame);
		if (!head) throw new Error('no head');
		expect(head).toMatchObject({ key: false, back: 6 });
		expect(unpackFrame(head, frame.subarray(HEAD), dictionaryOf(first, second))).toEqual(third);
		expect(() => unpackFrame(head, frame.subarray(HEAD), first)).toThrow();
		expect(frame.length).toBeLessThan(packFrame(facts, third, first).length / 2);
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
