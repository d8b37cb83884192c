import { describe, expect, test } from 'vitest';
import type { Snapshot } from '../../src/core/snapshot.ts';
import { sanitize } from '../../src/lib/sanitize.ts';
import { energySnapshot } from './fixtures/energy.ts';
import { ioSnapshot } from './fixtures/io.ts';
import { irqSnapshot } from './fixtures/irq.ts';
import { runqlatSnapshot } from './fixtures/runqlat.ts';
import { eventually, settle } from './plain.ts';
import { onScreen } from './screen.tsx';

const screen = onScreen('energy');
const { text, keys } = screen;

/** One interval of every tab. */
const tick = (at: number) => screen.show(energySnapshot(at), runqlatSnapshot(at), irqSnapshot(at), ioSnapshot(at));

describe('app', () => {
	test('attaching before the first figures', async () => {
		await eventually(() => expect(text()).toContain('attaching…'));
		await eventually(() => expect(text()).toMatch(/wattlag {2}machine {2}kernel 6\.1\.0 {2}8 CPU {2}up 1h01m/));
		screen.store.apply({ kind: 'live', tab: 'energy' });
		await settle();
		await eventually(() => expect(text()).toContain('the first figures come after one interval'));
	});

	test('never wider or higher than the screen, on every tab', async () => {
		await tick(0);
		for (const key of ['1', '2', '3', '4', '?', '4', 's', '\x1b']) {
			await keys(key);
			const lines = text().split('\n');
			expect(lines.length).toBeLessThanOrEqual(24);
			for (const line of lines) expect(line.length).toBeLessThanOrEqual(100);
		}
	});

	test('the sampler learns which tab is open', async () => {
		await tick(0);
		await keys('2', '2', '4');
		await eventually(() => expect(screen.actions.setActiveTab.mock.calls).toEqual([['energy'], ['runqlat'], ['io']]));
	});

	test('the order changes with the sort, and the header shows it', async () => {
		await tick(0);
		await keys('<');
		await eventually(() => expect(text()).toContain('▲PID'));
		const pids = text()
			.split('\n')
			.filter((line) => /^ +\d{4} /.test(line))
			.map((line) => line.trim().split(/\s+/)[0] as string);
		expect(pids.length).toBeGreaterThan(5);
		expect(pids).toEqual([...pids].sort());
	});

	test('keys that arrive together are handled one after the other', async () => {
		await tick(0);
		await keys('4jj');
		await settle(100);
		await eventually(() => expect(text()).toMatch(/^2\/5 /m));
		await keys('\x1b');
		await keys('1/post');
		await settle(100);
		await eventually(() => expect(text()).toContain('/post'));
		await eventually(() => expect(text()).not.toContain('java'));
	});

	test('refresh rate, group, redraw, suspend, quit reach the program', async () => {
		await tick(0);
		await keys('+');
		expect(screen.actions.setInterval).toHaveBeenLastCalledWith(0.5);
		await keys('-', '-');
		expect(screen.actions.setInterval).toHaveBeenLastCalledWith(2);
		await keys('t');
		expect(screen.actions.setGroup).toHaveBeenLastCalledWith('energy', 'thread');
		await keys('\x0c', '\x1a', 'q', '\x03');
		expect(screen.actions.redraw).toHaveBeenCalledTimes(1);
		expect(screen.actions.suspend).toHaveBeenCalledTimes(1);
		expect(screen.actions.quit).toHaveBeenCalledTimes(2);
	});

	test('the full path of IO: f requests it, and the tab shows its state', async () => {
		await tick(0);
		await keys('f');
		await eventually(() => expect(text()).toContain('Energy has no full path'));
		expect(screen.actions.tune).not.toHaveBeenCalled();
		await keys('4');
		const show = async (state: 'off' | 'on' | 'detached', reason: string, at: number): Promise<void> => {
			const snapshot = ioSnapshot(at);
			const full_path = { ...snapshot.full_path, state, reason: sanitize(reason), cost_share: 0.012 };
			screen.store.apply({ kind: 'snapshot', snapshot: { ...snapshot, full_path } as Snapshot });
			await settle();
		};
		await show('off', '', 1);
		await eventually(() => expect(text()).toContain('full path off'));
		await keys('f');
		expect(screen.actions.tune).toHaveBeenLastCalledWith('io', { 'full-path': true });
		await show('on', '', 2);
		await eventually(() => expect(text()).toContain('full path on  cost 1.2% of one CPU'));
		await keys('f');
		expect(screen.actions.tune).toHaveBeenLastCalledWith('io', { 'full-path': false });
		await show('detached', 'cost 7.3 % > 5 % of a CPU; tried again in 30 s (or f)', 3);
		await eventually(() => expect(text()).toContain('full path detached: cost 7.3 % > 5 % of a CPU'));
		await keys('f');
		expect(screen.actions.tune).toHaveBeenLastCalledWith('io', { 'full-path': true });
	});

	test('a chosen group applies to the other tabs that offer it', async () => {
		await tick(0);
		await keys('t', '3');
		// interrupts have no threads
		await eventually(() => expect(text()).toContain('▼TIME'));
		expect(screen.actions.setGroup.mock.calls).toEqual([['energy', 'thread']]);
		await keys('2');
		await eventually(() => expect(screen.actions.setGroup).toHaveBeenLastCalledWith('runqlat', 'thread'));
		await keys('t', '1');
		await eventually(() => expect(screen.actions.setGroup).toHaveBeenLastCalledWith('energy', 'cgroup'));
	});

	test('the selected row keeps the highlight when the order changes', async () => {
		await tick(0);
		await keys('j', 'j', 'j');
		const position = () => /^(\d+)\/40/m.exec(text())?.[1];
		await eventually(() => expect(position()).toBe('3'));
		await keys('r');
		await eventually(() => expect(position()).toBe('38'));
	});

	test('detail of a row, and back', async () => {
		await tick(0);
		await keys('2', 'j', '\r');
		await eventually(() => expect(text()).toMatch(/Run queue › \S+\[\d+\]/));
		await eventually(() => expect(text()).toContain('time from runnable to running'));
		await keys('\x7f');
		await eventually(() => expect(text()).toContain('waiting now: 3'));
	});

	test('paused', async () => {
		await tick(0);
		await keys(' ');
		await eventually(() => expect(text()).toContain('PAUSED'));
		const held = text();
		await tick(1);
		await eventually(() => expect(text()).toBe(held));
		await keys(' ');
		await eventually(() => expect(text()).not.toContain('PAUSED'));
	});

	test('a failed worker is reported', async () => {
		await tick(0);
		screen.store.apply({ kind: 'worker-failed', message: sanitize('verifier said no'), restarting: true });
		await settle();
		await eventually(() =>
			expect(text()).toContain('sampling failed, figures are old, starting again: verifier said no'),
		);
	});

	test('an unavailable tab shows reason and fix; the others work', async () => {
		await tick(0);
		screen.store.apply({
			kind: 'unavailable',
			tab: 'irq',
			reason: sanitize('needs CAP_PERFMON'),
			fix: sanitize('run: sudo wattlag'),
		});
		await keys('3');
		await eventually(() => expect(text()).toContain('unavailable: needs CAP_PERFMON'));
		await eventually(() => expect(text()).toContain('run: sudo wattlag'));
		await keys('4');
		await eventually(() => expect(text()).toContain('nvme0n1'));
	});

	test('nothing in an interval', async () => {
		screen.store.apply({ kind: 'snapshot', snapshot: { ...ioSnapshot(0), rows: [] } as Snapshot });
		await keys('4');
		await eventually(() => expect(text()).toContain('no disk traffic in this interval'));
	});

	test('10,000 processes', async () => {
		screen.store.apply({ kind: 'snapshot', snapshot: energySnapshot(0, 10_000) as Snapshot });
		await settle(100);
		await eventually(() => expect(text()).toContain('10000 rows'));
		await keys('G');
		await settle(100);
		await eventually(() => expect(text()).toContain('10000/10000'));
	});
});
