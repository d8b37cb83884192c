/** What happens to a tracer that throws while it is read, on a clock that the test moves. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { openDebugLog } from '../../src/core/debug-log.ts';
import type { SamplerEvent } from '../../src/core/sampler.ts';
import type { Options, Tracer } from '../../src/core/tracer.ts';
import { Sampling, type SamplingOptions } from '../../src/sampling/sampling.ts';
import { emptyReading, fakeHost, fakeTracer, snapshots } from './sampling-fixtures.ts';

let begin: bigint;
let sampling: Sampling;
let events: SamplerEvent[];
let starts: { id: string; at: number; options: Options }[];

beforeEach(() => {
	vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'hrtime', 'Date'] });
	begin = process.hrtime.bigint();
	events = [];
	starts = [];
});
afterEach(() => {
	sampling.close();
	vi.useRealTimers();
});

/** Seconds since the test began. */
const second = () => Number(process.hrtime.bigint() - begin) / 1e9;
const pass = (seconds: number) => vi.advanceTimersByTimeAsync(seconds * 1000);

/** A tracer whose reads, or starts, throw in the seconds that `breaks` names. */
function fragile(id: string, breaks: (at: number) => boolean, given: Partial<Tracer<object, object>> = {}) {
	const boom = (): void => {
		if (breaks(second())) throw new Error('boom');
	};
	const plain = fakeTracer(id, {
		read: () => {
			boom();
			return emptyReading;
		},
		tune: () => {},
	});
	const start: typeof plain.start = (host, options) => {
		starts.push({ id, at: second(), options });
		if (starts.length > 1 && id === 'never back') boom();
		return plain.start(host, options);
	};
	return { ...plain, ...given, start };
}

async function begins(tracers: Tracer<object, object>[], options: Partial<SamplingOptions> = {}) {
	sampling = new Sampling({
		tracers,
		host: fakeHost(),
		delay: 1,
		firstDelay: 1,
		groups: {},
		sections: {},
		emit: (event) => events.push(event),
		...options,
	});
	await sampling.start();
}

const said = () =>
	events.flatMap((event) => (event.kind === 'unavailable' ? [[event.retry_s, event.fix.split(';')[0]]] : []));
/** Seconds from each start of a tracer to the next. */
const gaps = (id: string) => {
	const times = starts.flatMap((start) => (start.id === id ? [start.at] : []));
	return times.slice(1).map((at, index) => Math.round(at - (times[index] as number)));
};

test('it is started again after 10 s, then twice as long each time, at most 5 minutes, and says so', async () => {
	await begins([fragile('a', () => true), fragile('b', () => false)]);
	await pass(900);
	expect(said()).toEqual([
		[10, 'next try in 10 s'],
		[20, 'next try in 20 s, restarted once'],
		[40, 'next try in 40 s, restarted 2 times'],
		[80, 'next try in 80 s, restarted 3 times'],
		[160, 'next try in 160 s, restarted 4 times'],
		[300, 'next try in 300 s, restarted 5 times'],
		[300, 'next try in 300 s, restarted 6 times'],
	]);
	// each runs until its first read, which fails
	for (const [index, wait] of [10, 20, 40, 80, 160, 300].entries()) {
		expect(gaps('a')[index]).toBeGreaterThanOrEqual(wait);
		expect(gaps('a')[index]).toBeLessThanOrEqual(wait + 1);
	}
	// the other one has not missed a beat
	expect(snapshots(events, 'b').length).toBeGreaterThan(890);
	expect(gaps('b')).toEqual([]);
});

test('one that has run for 5 minutes begins anew with 10 s; the restarts are counted on', async () => {
	await begins([fragile('a', (at) => [5, 16, 400].includes(Math.floor(at)))]);
	await pass(420);
	expect(said()).toEqual([
		[10, 'next try in 10 s'],
		[20, 'next try in 20 s, restarted once'],
		[10, 'next try in 10 s, restarted 2 times'],
	]);
	expect(snapshots(events, 'a').length).toBeGreaterThan(370);
});

test('one that cannot start again is tried further', async () => {
	await begins([fragile('never back', (at) => at < 60)]);
	await pass(100);
	expect(said().map(([wait]) => wait)).toEqual([10, 20, 40]);
	expect(snapshots(events, 'never back').length).toBeGreaterThan(20);
});

test('it begins with what was asked for meanwhile', async () => {
	await begins([fragile('a', (at) => at < 3)], { sections: { a: { slow: 10, pid: 0 } } });
	await pass(5);
	sampling.tune('a', { pid: 7 });
	await pass(10);
	expect(starts.map(({ options }) => options)).toEqual([
		{ slow: 10, pid: 0 },
		{ slow: 10, pid: 7 },
	]);
});

test('one that came back has its place among those of which another is made', async () => {
	const seen: string[][] = [];
	const all: Tracer<object, object> = {
		...fakeTracer('all', {
			read: (_dt, _group, tick) => {
				seen.push([...(tick?.keys() ?? [])]);
				return emptyReading;
			},
		}),
		from: ['a', 'b'],
	};
	await begins([all, fragile('a', (at) => at < 2), fragile('b', () => false)]);
	await pass(20);
	expect(seen[0]).toEqual(['b']);
	expect(seen.at(-1)).toEqual(['a', 'b']);
});

test('one on demand comes back only where somebody looks', async () => {
	const costly = fragile('costly', (at) => at < 5, { onDemand: true });
	await begins([fragile('a', () => false), costly]);
	sampling.setActiveTab('costly');
	await pass(3);
	expect(starts.filter(({ id }) => id === 'costly')).toHaveLength(1);
	// not before its time either
	sampling.setActiveTab('a');
	sampling.setActiveTab('costly');
	expect(starts.filter(({ id }) => id === 'costly')).toHaveLength(1);
	sampling.setActiveTab('a');
	await pass(30);
	expect(starts.filter(({ id }) => id === 'costly')).toHaveLength(1);
	sampling.setActiveTab('costly');
	expect(starts.filter(({ id }) => id === 'costly')).toHaveLength(2);
	await pass(2);
	expect(snapshots(events, 'costly').length).toBeGreaterThan(0);
});

test('tracers that are left out say so and never run', async () => {
	const costly = fragile('costly', () => false, { onDemand: true });
	await begins([fragile('a', () => false), fragile('b', () => false), costly], { without: ['b', 'costly'] });
	sampling.setActiveTab('costly');
	await pass(3);
	expect(starts.map(({ id }) => id)).toEqual(['a']);
	const told = events.flatMap((event) => (event.kind === 'unavailable' ? [event] : []));
	expect(told).toEqual(
		['b', 'costly'].map((tab) => ({
			kind: 'unavailable',
			tab,
			reason: 'left out by --without',
			fix: 'start without that option',
		})),
	);
	expect(snapshots(events, 'a').length).toBeGreaterThan(1);
});

test('the debug log says what became of it, in whatever thread it runs', async () => {
	const folder = mkdtempSync(join(tmpdir(), 'wattlag-states-'));
	const path = join(folder, 'log');
	openDebugLog(path);
	await begins([fragile('a', () => true)]);
	await pass(2);
	const states = readFileSync(path, 'latin1').match(/a: \w+(: .*)?/g) ?? [];
	rmSync(folder, { recursive: true });
	expect(states.slice(0, 2)).toEqual(['a: attaching', 'a: live']);
	expect(states[2]).toMatch(/^a: unavailable: a failed: boom; next try in 10 s/);
});
