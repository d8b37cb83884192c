import { describe, expect, test, vi } from 'vitest';
import type { Snapshot } from '../../src/core/snapshot.ts';
import { decode, encode, pack } from '../../src/history/archive.ts';
import { Store } from '../../src/history/store.ts';
import { sanitize } from '../../src/lib/sanitize.ts';
import { energySnapshot } from '../ui/fixtures/energy.ts';
import { runqlatSnapshot } from '../ui/fixtures/runqlat.ts';

function push(store: Store, from: number, to: number, rows = 10): void {
	for (let tick = from; tick < to; tick++) store.apply({ kind: 'snapshot', snapshot: energySnapshot(tick, rows) });
}

describe('store', () => {
	test('attaching, live, unavailable', () => {
		const store = new Store();
		expect(store.status('energy')).toEqual({ kind: 'attaching' });
		store.apply({ kind: 'unavailable', tab: 'io', reason: sanitize('no'), fix: sanitize('sudo') });
		expect(store.status('io')).toEqual({ kind: 'unavailable', reason: 'no', fix: 'sudo' });
		push(store, 0, 1);
		expect(store.status('energy')).toEqual({ kind: 'live' });
		expect(store.current('energy')?.mono_ns).toBe(0);
		expect(store.current('io')).toBeUndefined();
	});

	test('keeps the last snapshots only', () => {
		const store = new Store({ snapshots: 5 });
		push(store, 0, 12);
		expect(store.history('energy').map((one) => one.mono_ns / 1e9)).toEqual([7, 8, 9, 10, 11]);
	});

	test('old snapshots lose their rows, never their totals, and the newest never loses any', () => {
		const store = new Store({ snapshots: 100, rows: 35 });
		push(store, 0, 10, 10);
		expect(store.history('energy').map((one) => one.rows.length)).toEqual([0, 0, 0, 0, 0, 0, 0, 10, 10, 10]);
		expect(store.history('energy')[0]).toHaveProperty('measured_uj');
		push(store, 10, 11, 1000);
		expect(store.current('energy')?.rows).toHaveLength(1000);
	});

	test('what was handed out does not change', () => {
		const store = new Store({ rows: 15 });
		push(store, 0, 1);
		const before = store.history('energy');
		push(store, 1, 3);
		expect(before).toHaveLength(1);
		expect(before[0]?.rows).toHaveLength(10);
		expect(store.history('energy')).toBe(store.history('energy'));
	});

	test('age of what is shown: since it came, each tab for itself, none while it is held', () => {
		let now = 1000;
		const store = new Store({ now: () => now });
		expect(store.age('energy')).toBeNull();
		store.apply({ kind: 'live', tab: 'energy' });
		expect(store.age('energy')).toBeNull();
		push(store, 0, 1);
		now += 4500;
		store.apply({ kind: 'snapshot', snapshot: runqlatSnapshot(0) });
		store.apply({ kind: 'live', tab: 'energy' });
		expect([store.age('energy'), store.age('runqlat')]).toEqual([4.5, 0]);
		store.setPaused(true);
		expect(store.age('energy')).toBeNull();
		push(store, 1, 2);
		now += 1000;
		store.setPaused(false);
		expect(store.age('energy')).toBe(1);
	});

	test('paused: what is shown stands still, sampling goes on', () => {
		const store = new Store();
		push(store, 0, 3);
		store.setPaused(true);
		const held = store.history('energy');
		const listener = vi.fn();
		store.subscribe(listener);
		push(store, 3, 6);
		expect(store.history('energy')).toBe(held);
		expect(listener).not.toHaveBeenCalled();
		store.setPaused(false);
		expect(store.history('energy')).toHaveLength(6);
		expect(listener).toHaveBeenCalledTimes(1);
	});

	test('snapshots that the sampler packed are kept as it packed them', () => {
		const store = new Store();
		for (let tick = 0; tick < 4; tick++) {
			const { whole, packed } = encode(energySnapshot(tick, 5));
			// what counts is that these bytes come back: another moment than the one they came with
			const other = tick === 1 ? encode(energySnapshot(77, 5)).packed : packed;
			store.apply({ kind: 'snapshot', snapshot: decode({ whole, packed }), packed: other });
		}
		expect(store.current('energy')).toEqual(energySnapshot(3, 5));
		expect([...store.recorded()].map(({ mono_ns }) => mono_ns / 1e9)).toEqual([0, 77, 2, 3]);
		store.travel('energy', -1);
		expect(store.current('energy')).toEqual(energySnapshot(2, 5));
	});

	test('time travel: every tab shows the same moment, whole', () => {
		const store = new Store();
		for (let tick = 0; tick < 10; tick++) {
			store.apply({ kind: 'snapshot', snapshot: energySnapshot(tick, 5) });
			store.apply({ kind: 'snapshot', snapshot: runqlatSnapshot(tick, 5) });
		}
		store.travel('energy', -3);
		expect(store.paused).toBe(true);
		expect(store.current('energy')?.mono_ns).toBe(6e9);
		expect(store.current('runqlat')).toEqual(runqlatSnapshot(6, 5));
		expect(store.history('runqlat')).toHaveLength(7);
		expect(store.history('runqlat')).toBe(store.history('runqlat'));
		expect(store.behind('energy')).toBe(3e9);
		store.travel('energy', 1);
		expect(store.current('energy')?.mono_ns).toBe(7e9);
		store.travel('energy', -100);
		expect(store.current('energy')).toEqual(energySnapshot(0, 5));
		push(store, 10, 12, 5);
		expect(store.current('energy')?.mono_ns).toBe(0);
		store.travel('energy', 100);
		expect(store.current('energy')?.mono_ns).toBe(11e9);
		store.setPaused(false);
		expect(store.behind('energy')).toBe(0);
	});

	test('travel stops where whole snapshots are no longer kept; without any it does nothing', () => {
		const store = new Store({ pastBytes: 2000 });
		store.travel('energy', -1);
		expect(store.paused).toBe(false);
		push(store, 0, 20, 5);
		store.travel('energy', -100);
		const oldest = store.current('energy');
		expect(oldest?.mono_ns).toBeGreaterThan(0);
		expect(oldest).toEqual(energySnapshot((oldest?.mono_ns ?? 0) / 1e9, 5));
	});

	test('the bytes of the past are of all tabs together: the oldest goes first, of whichever tab', () => {
		const store = new Store({ pastBytes: 60_000 });
		for (let tick = 0; tick < 100; tick++) {
			store.apply({ kind: 'snapshot', snapshot: energySnapshot(tick, 40) });
			if (tick >= 20) store.apply({ kind: 'snapshot', snapshot: runqlatSnapshot(tick, 40) });
		}
		const kept = [...store.recorded()];
		const oldest = (tab: string) => (kept.find((one) => one.tab === tab)?.mono_ns ?? 0) / 1e9;
		expect(oldest('energy')).toBeGreaterThan(20);
		// both reach equally far back, but for the one snapshot by which they differ
		expect(Math.abs(oldest('energy') - oldest('runqlat'))).toBeLessThanOrEqual(1);
		expect(store.reach('energy') / 1e9).toBe(99 - oldest('energy'));
		expect(store.reach('io')).toBe(0);
		// as they came: one that was unpacked is packed a little differently
		const came = ({ tab, mono_ns }: Snapshot) =>
			(tab === 'energy' ? energySnapshot : runqlatSnapshot)(mono_ns / 1e9, 40);
		const packed = kept.slice(0, -2).reduce((sum, one) => sum + pack(came(one)).byteLength, 0);
		expect(packed).toBeLessThanOrEqual(60_000 * 0.625);
		expect(packed).toBeGreaterThan(60_000 * 0.4);
		const rows = (tab: string) => store.history(tab).filter((one) => one.rows.length > 0).length;
		expect(rows('energy')).toBeLessThan(20);
		expect(rows('energy')).toBeGreaterThanOrEqual(1);
		expect(store.history('energy')).toHaveLength(100);
	});

	test('the past keeps no distributions', () => {
		const store = new Store();
		for (let tick = 0; tick < 3; tick++) store.apply({ kind: 'snapshot', snapshot: runqlatSnapshot(tick, 5) });
		const [old, , newest] = store.history('runqlat') as readonly { rows: readonly { buckets: readonly unknown[] }[] }[];
		expect(old?.rows[1]?.buckets).toEqual([]);
		expect(newest?.rows[1]?.buckets.length).toBeGreaterThan(0);
	});

	test('the past keeps what does not change once, and long lists of records whole', () => {
		const store = new Store();
		const waiting = (tick: number) =>
			Array.from({ length: 9 }, (_, pid) => ({ pid, comm: `task${pid}`, wait_ns: tick }));
		const withLists = (tick: number) => ({ ...energySnapshot(tick), waiting: waiting(tick), few: [{ tick }] });
		for (let tick = 0; tick < 3; tick++)
			store.apply({ kind: 'snapshot', snapshot: decode(encode(structuredClone(withLists(tick)))) });
		const [first, second, newest] = store.history('energy');
		expect(first?.source).toBe(second?.source);
		expect([first, second, newest]).toMatchObject(
			[0, 1, 2].map((tick) => ({ waiting: waiting(tick), few: [{ tick }] })),
		);
		// in their order, as in batch output; rows come last
		const { rows, ...rest } = withLists(2);
		expect(JSON.stringify(newest)).toBe(JSON.stringify({ ...rest, rows }));
	});

	test('the past stays when rows are grouped otherwise', () => {
		const store = new Store();
		push(store, 0, 3);
		store.apply({ kind: 'snapshot', snapshot: { ...energySnapshot(3), group: 'cgroup' } });
		expect(store.history('energy').map(({ group }) => group)).toEqual(['process', 'process', 'process', 'cgroup']);
		store.travel('energy', -1);
		expect(store.current('energy')).toEqual(energySnapshot(2, 10));
	});

	test('a failed worker is remembered until figures come again', () => {
		const store = new Store();
		store.apply({ kind: 'worker-failed', message: sanitize('boom'), restarting: true });
		expect(store.failure).toEqual({ message: 'boom', restarting: true });
		push(store, 0, 1);
		expect(store.failure).toBeNull();
	});

	test('listeners can leave', () => {
		const store = new Store();
		const listener = vi.fn();
		store.subscribe(listener)();
		push(store, 0, 1);
		expect(listener).not.toHaveBeenCalled();
	});
});
