import { afterEach, describe, expect, test, vi } from 'vitest';
import { Unavailable } from '../../src/core/errors.ts';
import type { SamplerEvent } from '../../src/core/sampler.ts';
import type { Snapshot } from '../../src/core/snapshot.ts';
import { type Host, NO_COST, type Tracer } from '../../src/core/tracer.ts';
import { safe } from '../../src/lib/sanitize.ts';
import { LocalSampler } from '../../src/sampling/local-sampler.ts';
import { Sampling } from '../../src/sampling/sampling.ts';
import { fakeHost, fakeTracer, snapshots } from './sampling-fixtures.ts';

let sampling: Sampling | undefined;
afterEach(() => sampling?.close());

/** Run until `enough` says so. */
async function run(
	tracers: Tracer<object, object>[],
	enough: (events: SamplerEvent[]) => boolean,
	{ host = fakeHost(), linger = 60, uptime }: { host?: Host; linger?: number; uptime?: () => number } = {},
) {
	const events: SamplerEvent[] = [];
	await new Promise<void>((resolve) => {
		sampling = new Sampling({
			tracers,
			host,
			delay: 0.05,
			firstDelay: 0.05,
			groups: {},
			sections: {},
			linger,
			...(uptime && { uptime }),
			emit: (event) => {
				events.push(event);
				if (enough(events)) resolve();
			},
		});
		void sampling.start();
	});
	return events;
}

test('what the kernel queues is taken several times in a long interval', async () => {
	let drained = 0;
	const events: SamplerEvent[] = [];
	sampling = new Sampling({
		...{ tracers: [fakeTracer('one', { drain: () => void drained++ })], host: fakeHost(), delay: 60, firstDelay: 60 },
		...{ groups: {}, sections: {}, emit: (event) => events.push(event) },
	});
	await sampling.start();
	await vi.waitFor(() => expect(drained).toBeGreaterThanOrEqual(3), { timeout: 10_000 });
	expect(snapshots(events, 'one')).toEqual([]);
	sampling.close();
	const then = drained;
	await new Promise((resolve) => setTimeout(resolve, 400));
	expect(drained).toBe(then);
});

test('closed before it starts, it never begins', async () => {
	let drained = 0;
	const sampler = new LocalSampler({
		...{ tracers: [fakeTracer('one', { drain: () => void drained++ })], host: fakeHost(), delay: 60, firstDelay: 60 },
		...{ groups: {}, sections: {} },
	});
	sampler.close();
	await new Promise((resolve) => setTimeout(resolve, 400));
	expect(drained).toBe(0);
});

test('while programs of one are loaded the next is started; read in the order of the list, what is made of others started last', async () => {
	const order: string[] = [];
	const loading = (id: string, from?: string[]): Tracer<object, object> => ({
		...fakeTracer(id, {}),
		...(from && { from }),
		start(host) {
			order.push(`${id} begins`);
			host.meanwhile?.();
			order.push(`${id} ends`);
			return fakeTracer(id, {}).start(host, {});
		},
	});
	const events = await run(
		[loading('all', ['a', 'b']), loading('a'), { ...loading('asked for'), onDemand: true }, loading('b')],
		(all) => snapshots(all, 'all').length === 1,
	);
	expect(order).toEqual(['a begins', 'b begins', 'b ends', 'a ends', 'all begins', 'all ends']);
	const tabs = events.flatMap((event) => (event.kind === 'snapshot' ? [event.snapshot.tab] : []));
	expect(tabs).toEqual(['a', 'b', 'all']);
});

test('an interval far longer than asked says so, and its length is the true one', async () => {
	let reads = 0;
	const session = {
		read: () => {
			reads++;
			// as if the whole program were stopped before the next tick
			if (reads === 2) setTimeout(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1200), 10);
			return { rows: [], extra: {}, lost: {}, source: { kind: 'fake', description: '', uncertainty: '', hooks: [] } };
		},
	};
	const events = await run([fakeTracer('one', session)], (all) => snapshots(all, 'one').length === 5, {
		// the machine sleeps while the clock stands still
		uptime: () => Number(process.hrtime.bigint()) / 1e9 + (reads >= 4 ? 60 : 0),
	});
	const [first, second, stopped, after, slept] = snapshots(events, 'one');
	for (const usual of [first, second, after]) expect(usual).not.toHaveProperty('gap');
	expect(stopped?.gap?.suspended_ns).toBe(0);
	expect(stopped?.gap?.late_ns).toBeGreaterThan(1e9);
	expect(stopped?.dt_ns).toBeGreaterThan(1.2e9);
	expect(slept?.gap?.late_ns).toBe(0);
	expect((slept?.gap?.suspended_ns ?? 0) / 1e9).toBeCloseTo(60, 0);
});

test('an interval is measured from read to read', async () => {
	const asked: number[] = [];
	const tracer = fakeTracer('a', {
		read: (dt) => {
			asked.push(dt);
			return {
				rows: [],
				extra: { answer: 42 },
				lost: {},
				source: { kind: 'fake', description: '', uncertainty: '', hooks: [] },
			};
		},
	});
	const [first, second, third] = snapshots(await run([tracer], (events) => snapshots(events, 'a').length === 3), 'a');
	expect(second?.mono_ns).toBe((first?.mono_ns ?? 0) + (second?.dt_ns ?? 0));
	expect(third?.mono_ns).toBe((second?.mono_ns ?? 0) + (third?.dt_ns ?? 0));
	expect(asked.slice(0, 3)).toEqual([first?.dt_ns, second?.dt_ns, third?.dt_ns]);
	expect(first).toMatchObject({ schema: 1, tab: 'a', group: 'process', answer: 42 });
});

test('a tracer that cannot start says why; the others run', async () => {
	const missing = fakeTracer('a', new Unavailable('CAP_BPF is missing', 'run as root'));
	const events = await run([missing, fakeTracer('b', {})], (all) => snapshots(all, 'b').length === 2);
	expect(events).toContainEqual({ kind: 'unavailable', tab: 'a', reason: 'CAP_BPF is missing', fix: 'run as root' });
	expect(snapshots(events, 'a')).toEqual([]);
});

test('a tracer that fails while reading is closed and reported; the others run', async () => {
	let closed = 0;
	const broken = fakeTracer('a', {
		read: () => {
			throw new Error('\x1b[31mboom');
		},
		close: () => void closed++,
	});
	const events = await run([broken, fakeTracer('b', {})], (all) => snapshots(all, 'b').length === 2);
	expect(closed).toBe(1);
	expect(events.filter((event) => event.kind === 'unavailable')).toMatchObject([
		{ tab: 'a', reason: 'a failed: ^[[31mboom' },
	]);
});

test('own BPF time is measured in the first interval, then estimated; a tracer may limit itself by it', async () => {
	const host = fakeHost();
	let runs = 0;
	const shares: (number | undefined)[] = [];
	const tracer = fakeTracer('a', {
		cost: () => {
			runs += 10;
			const programs = [{ name: 'a', load: 1, runs, seen: { runs, ns: runs * 100 } }];
			return { ns: runs * 100, runs, programs, recursionMisses: 3, negative: 0 };
		},
		takeCost: (share) => shares.push(share),
	});
	const events = await run([tracer], (all) => snapshots(all, 'a').length === 2, { host });
	const [first, second] = snapshots(events, 'a');
	expect(first?.cost.bpf_measured_ns).toBeGreaterThan(0);
	expect(first?.cost.bpf_ns).toBe(100 * (first?.cost.bpf_runs ?? 0));
	expect(second?.cost).toMatchObject({ bpf_runs: 10, bpf_ns: 1000, bpf_measured_ns: 0 });
	expect(shares).toEqual([first, second].map((snapshot) => (snapshot?.cost.bpf_ns ?? 0) / (snapshot?.dt_ns ?? 0)));
	expect(first?.lost).toEqual({ recursion: 3, negative: 0 });
	sampling?.close();
	expect(host.statistics).toEqual(['on', 'off']);
});

describe('a tracer on demand', () => {
	const counted = () => {
		const calls = { started: 0, closed: 0 };
		const plain = fakeTracer('costly', { close: () => void calls.closed++ });
		const start: typeof plain.start = (...given) => {
			calls.started++;
			return plain.start(...given);
		};
		return { calls, tracer: { ...plain, onDemand: true, start } };
	};

	test('is started when its tab is opened, and stopped some time after it was left', async () => {
		const { calls, tracer } = counted();
		await run([fakeTracer('a', {}), tracer], (events) => snapshots(events, 'a').length === 2, { linger: 0.1 });
		expect(calls).toEqual({ started: 0, closed: 0 });
		sampling?.setActiveTab('costly');
		sampling?.setActiveTab('costly');
		expect(calls.started).toBe(1);
		sampling?.setActiveTab('a');
		sampling?.setActiveTab('costly');
		await new Promise((resolve) => setTimeout(resolve, 200));
		expect(calls).toEqual({ started: 1, closed: 0 });
		sampling?.setActiveTab('a');
		await vi.waitFor(() => expect(calls.closed).toBe(1));
		sampling?.setActiveTab('costly');
		expect(calls.started).toBe(2);
	});

	test('is started at once when its tab is the first one to open', async () => {
		const { calls, tracer } = counted();
		await run([tracer, fakeTracer('b', {})], (events) => snapshots(events, 'costly').length === 1);
		expect(calls.started).toBe(1);
	});
});

test('the group asked for reaches the tracer', async () => {
	const groups: string[] = [];
	const tracer = fakeTracer('a', {
		read: (_dt, group) => {
			groups.push(group);
			sampling?.setGroup('a', 'thread');
			return { rows: [], extra: {}, lost: {}, source: { kind: 'fake', description: '', uncertainty: '', hooks: [] } };
		},
	});
	await run([tracer], (events) => snapshots(events, 'a').length === 2);
	expect(groups.slice(0, 2)).toEqual(['process', 'thread']);
});

test('changed options reach the running tracer; one that refuses them ends that tab only', async () => {
	const seen: object[] = [];
	const good = fakeTracer('a', { tune: (changes) => seen.push(changes) });
	const bad = fakeTracer('b', {
		tune: () => {
			throw new Error('no such group');
		},
	});
	let tuned = false;
	const events = await run([good, bad], (sofar) => {
		if (!tuned && snapshots(sofar, 'b').length === 1) {
			tuned = true;
			queueMicrotask(() => {
				sampling?.tune('a', { pid: 7 });
				sampling?.tune('b', { pid: 7 });
				sampling?.tune('nobody', {});
			});
		}
		return snapshots(sofar, 'a').length === 3;
	});
	expect(seen).toEqual([{ pid: 7 }]);
	expect(events.filter((event) => event.kind === 'unavailable')).toMatchObject([{ tab: 'b' }]);
	expect(snapshots(events, 'b').length).toBeLessThanOrEqual(2);
});

test('what is made of others is read after them, with rows of their first group and their cost', async () => {
	const reading = (rows: object[]) => ({
		rows,
		extra: {},
		lost: {},
		source: { kind: 'fake', description: '', uncertainty: '', hooks: [] },
	});
	const ticks: string[] = [];
	const joined: Tracer<object, object> = {
		...fakeTracer('all', {
			read: (_dt, _group, tick) => {
				ticks.push(
					[...(tick ?? [])].map(([id, { group, rows }]) => `${id} ${group} ${JSON.stringify(rows)}`).join(', '),
				);
				return reading([]);
			},
		}),
		from: ['a', 'b', 'c', 'missing'],
	};
	let ns = 0;
	const a = fakeTracer('a', {
		read: (_dt, group) =>
			group === 'process'
				? reading([{ process: 1 }])
				: { ...reading([{ thread: 1 }]), ungrouped: () => [{ process: 1 }] },
		cost: () => {
			ns += 1000;
			return { ...NO_COST, ns, programs: [{ name: 'a', load: 1, runs: ns, seen: { runs: ns, ns } }] };
		},
	});
	const b = fakeTracer('b', { read: () => reading([{ line: 1 }]) });
	// a group that is folded from rows of processes
	const c: Tracer<object, object> = {
		...fakeTracer('c', { read: () => reading([{ pid: 1 }]) }),
		groups: ['process', 'command'],
		fold: {
			groups: ['command'],
			comm: () => safe`sh`,
			merge: ([row]) => row,
			named: (_row, { name }) => ({ name }),
		},
		processOf: () => '1:1',
	};
	const events = await run([joined, a, b, c], (sofar) => {
		sampling?.setGroup('a', 'thread');
		sampling?.setGroup('c', 'command');
		return snapshots(sofar, 'all').length === 3;
	});
	expect(ticks.slice(1)).toEqual([
		'a process [{"process":1}], b process [{"line":1}], c process [{"pid":1}]',
		expect.any(String),
	]);
	const started = events.flatMap((event) => (event.kind === 'live' ? [event.tab] : []));
	expect(started).toEqual(['a', 'b', 'c', 'all']);
	// the screen still gets the group that it asked for
	expect(snapshots(events, 'a')[1]).toMatchObject({ group: 'thread', rows: [{ thread: 1 }] });
	expect(snapshots(events, 'c')[1]).toMatchObject({ group: 'command', rows: [{ name: 'sh' }] });
	const [own, whole] = [snapshots(events, 'a')[1]?.cost, snapshots(events, 'all')[1]?.cost];
	expect(own?.bpf_ns).toBeGreaterThan(0);
	expect(whole?.bpf_ns).toBe(own?.bpf_ns);
	// its first interval begins with the first of theirs
	const first = (tab: string) => snapshots(events, tab)[0] as Snapshot;
	expect(first('all').mono_ns - first('all').dt_ns).toBe(first('a').mono_ns - first('a').dt_ns);
});

test('without any of the others it says so', async () => {
	const { overview } = await import('../../src/tracers/overview/tracer.ts');
	const events = await run(
		[overview as never, fakeTracer('other', {})],
		(sofar) => snapshots(sofar, 'other').length === 2,
	);
	expect(events).toContainEqual(expect.objectContaining({ kind: 'unavailable', tab: 'overview' }));
});
