import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BpfAddon, BpfObject } from '../../src/core/native.ts';
import { addon, addonPath, type Fixtures, makeFixtures, thrown } from './support.ts';

let native: BpfAddon;
let fixtures: Fixtures;
let object: BpfObject;

beforeAll(() => {
	native = addon();
	fixtures = makeFixtures();
	object = native.open(fixtures.compile('maps'));
	object.load();
});

afterAll(() => {
	object.close();
	fixtures.remove();
});

type Kind = 'string' | 'integer' | 'boolean' | 'bytes' | 'boolean?' | 'integer?' | 'kind';

/** What each function takes; the one place where the contract is repeated. */
const signatures: Record<'addon' | 'object', Record<string, Kind[]>> = {
	addon: {
		hasType: ['kind', 'string'],
		hasMember: ['string', 'string'],
		open: ['string'],
		lockFile: ['integer'],
		semaphorePid: ['integer', 'integer'],
		discardOutput: ['integer'],
		guardTerminal: ['integer', 'bytes'],
		openCounter: ['integer', 'integer', 'integer'],
		openNvml: ['string'],
	},
	object: {
		setAutoload: ['string', 'boolean'],
		setInitial: ['string', 'integer', 'bytes'],
		setMaxEntries: ['string', 'integer'],
		attach: ['string'],
		detach: ['string'],
		iterate: ['string', 'bytes'],
		run: ['string'],
		readBatch: ['string', 'bytes', 'bytes', 'boolean?'],
		readMapped: ['string', 'bytes', 'integer?'],
		lookup: ['string', 'bytes', 'bytes'],
		update: ['string', 'bytes', 'bytes'],
		remove: ['string', 'bytes'],
		drain: ['string', 'bytes'],
		stats: ['string'],
	},
};

const good: Record<Kind, unknown> = {
	string: 'x',
	kind: 'struct',
	integer: 1,
	'integer?': 1,
	boolean: true,
	'boolean?': true,
	bytes: new Uint8Array(8),
};

const strings: unknown[] = ['x'.repeat(5000), 'a\0b', new String('x')];
const integers: unknown[] = [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, 1n, '1'];
const arrays: unknown[] = [
	new ArrayBuffer(8),
	new DataView(new ArrayBuffer(8)),
	new Int8Array(8),
	new Uint8ClampedArray(8),
	new Uint32Array(2),
	new BigUint64Array(1),
	new Proxy(new Uint8Array(8), {}),
	[0, 0, 0, 0],
	8,
];
const never: unknown[] = [null, {}, () => {}, Symbol('x')];

const bad: Record<Kind, unknown[]> = {
	string: [undefined, 1, true, ...strings, ...never],
	kind: [undefined, 1, 'union', '', 'struct ', ...strings, ...never],
	integer: [undefined, true, ...integers, ...never],
	'integer?': [true, ...integers, ...never],
	boolean: [undefined, 0, 1, 'true', ...never],
	'boolean?': [0, 1, 'true', ...never],
	bytes: [undefined, true, 'x', ...arrays, ...never],
};

describe.each(['addon', 'object'] as const)('%s', (which) => {
	test.each(Object.entries(signatures[which]))('%s refuses what it does not take', (name, kinds) => {
		const owner = (which === 'addon' ? native : object) as unknown as Record<string, (...args: unknown[]) => void>;
		kinds.forEach((kind, position) => {
			for (const wrong of bad[kind]) {
				const args = kinds.map((each, i) => (i === position ? wrong : good[each]));
				const error = thrown(() => owner[name]?.(...args));
				expect(error, `${name}, argument ${position}`).toBeInstanceOf(TypeError);
				expect(error).toMatchObject({ code: 'EINVAL', log: '' });
				expect(error.message.startsWith(`${name}: `)).toBe(true);
			}
		});
		if (kinds.length > 0) {
			expect(thrown(() => owner[name]?.())).toBeInstanceOf(TypeError);
		}
	});
});

test('entries must be at least one and fit 32 bits', () => {
	for (const entries of [0, 2 ** 32]) {
		expect(thrown(() => object.setMaxEntries('x', entries))).toBeInstanceOf(TypeError);
	}
});

test('methods want their own object', () => {
	const statistics = native.enableStats();
	const strangers: unknown[] = [undefined, null, 1, {}, [], native, new Proxy(object, {}), Object.create(object)];
	for (const self of [...strangers, statistics]) {
		for (const method of [object.programs, object.load, object.close]) {
			expect(thrown(() => Reflect.apply(method, self, []))).toBeInstanceOf(TypeError);
		}
	}
	for (const self of [...strangers, object]) {
		expect(thrown(() => Reflect.apply(statistics.close, self, []))).toBeInstanceOf(TypeError);
	}
	statistics.close();
	expect(object.programs()).toEqual([]);
});

test('a detached buffer is an empty one', () => {
	const bytes = new Uint8Array(8);
	structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
	expect(thrown(() => object.lookup(fixtures.named('hash'), bytes, bytes)).code).toBe('EINVAL');
	expect(object.readMapped(fixtures.named('mapped'), bytes)).toBe(0);
});

describe('nothing crashes it', () => {
	const junk = fileURLToPath(new URL('fixtures/junk.ts', import.meta.url));
	let files: string[] = [];
	beforeAll(() => {
		files = [fixtures.compile('events'), fixtures.compile('maps'), fixtures.compile('rejected')];
	});

	test.concurrent.for([1, 2, 3])('by calls at random, seed %i', async (seed, { onTestFinished }) => {
		const args = [junk, addonPath, fixtures.tag, String(seed), '30000', ...files];
		const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
		onTestFinished(() => void child.kill('SIGKILL'));
		const [stdout, stderr, end] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
		expect(end, stderr).toEqual([0, null]);
		const { calls, returned, threw } = JSON.parse(stdout) as Record<string, number>;
		expect(calls).toBe(30_000);
		// Else it only tries what is refused at the door.
		expect(returned).toBeGreaterThan(1000);
		expect(threw).toBeGreaterThan(1000);
	});
});
