import { beforeEach, describe, expect, test } from 'vitest';
import type { Snapshot } from '../../src/core/snapshot.ts';
import { sanitize } from '../../src/lib/sanitize.ts';
import { textWidth } from '../../src/lib/width.ts';
import type { ProcessDetails } from '../../src/system/process-details.ts';
import type { EnergyExtra, EnergyRow } from '../../src/tracers/energy/snapshot.ts';
import { energySnapshot } from './fixtures/energy.ts';
import { ioSnapshot } from './fixtures/io.ts';
import { irqSnapshot } from './fixtures/irq.ts';
import { runqlatSnapshot } from './fixtures/runqlat.ts';
import { eventually, settle } from './plain.ts';
import { onScreen } from './screen.tsx';

const details: ProcessDetails = {
	command: sanitize('postgres: writer \x1b[31m 日本語'),
	user: sanitize('postgres'),
	cgroup: sanitize('/system.slice/postgresql.service'),
	state: sanitize('sleeping'),
	threads: 4,
	started: Date.UTC(2025, 0, 1, 11),
	parents: [
		{ pid: 700, comm: sanitize('postmaster') },
		{ pid: 1, comm: sanitize('systemd') },
	],
};

const screen = onScreen('energy');
const { text, keys } = screen;

type Change = (snapshot: Snapshot<EnergyRow, EnergyExtra>) => Snapshot<EnergyRow, EnergyExtra>;

const tick = (at: number, change: Change = (snapshot) => snapshot) =>
	screen.show(change(energySnapshot(at)), runqlatSnapshot(at), irqSnapshot(at), ioSnapshot(at));

/** Process 1000 has ended: the energy tab lists it once without threads, then no more. */
const ended: Change = (snapshot) => ({
	...snapshot,
	rows: snapshot.rows.map((row) => (row.pid === 1000 ? { ...row, threads: 0 } : row)),
});
const absent: Change = (snapshot) => ({ ...snapshot, rows: snapshot.rows.filter((row) => row.pid !== 1000) });

beforeEach(async () => {
	screen.actions.inspect.mockResolvedValue(details);
	await tick(0);
	await tick(1);
});

describe('process lens', () => {
	test('everything about the process, the open tab first; Esc closes it', async () => {
		await keys('j', '\r');
		await eventually(() => expect(text()).toMatch(/Energy › postgres\[1000\]/));
		await eventually(() => expect(text()).toContain('postgres: writer ^[[31m 日本語'));
		expect(screen.actions.inspect).toHaveBeenCalledWith({ pid: 1000, start: 0 });
		expect(text()).toMatch(/user postgres .*started .*4 threads sleeping/);
		expect(text()).toContain('from systemd[1] › postmaster[700]');
		expect(text()).toMatch(/Energy .*W model .*CPU \d/);
		expect(text()).toMatch(/Run queue .*waiting .*p99/);
		expect(text().indexOf('── Energy')).toBeLessThan(text().indexOf('── Run queue'));
		for (const line of text().split('\n')) expect(textWidth(line)).toBeLessThanOrEqual(100);
		await keys('\x1b');
		await eventually(() => expect(text()).toContain('▼WATTS'));
		expect(text()).toMatch(/^1\/40/m);
	});

	test('the section of the tab it was opened from is first', async () => {
		await keys('2', 'j', '\r');
		await eventually(() => expect(text()).toMatch(/Run queue › postgres\[1000\]/));
		const detail = text().slice(text().indexOf('── '));
		expect(detail).toMatch(/^── Run queue/);
	});

	test('tracers get the pid of the open lens, and 0 when it is closed', async () => {
		await keys('j', 'j', '\r');
		await eventually(() =>
			expect(screen.actions.tune.mock.calls).toEqual([
				['overview', { focus: 1037 }],
				['energy', { focus: 1037 }],
				['runqlat', { focus: 1037 }],
			]),
		);
		await keys('\x7f');
		await eventually(() =>
			expect(screen.actions.tune.mock.calls.slice(3)).toEqual([
				['overview', { focus: 0 }],
				['energy', { focus: 0 }],
				['runqlat', { focus: 0 }],
			]),
		);
	});

	test('threads and culprits of the process that tracers keep', async () => {
		const [energy, waits] = [energySnapshot(2), runqlatSnapshot(2)];
		const process = energy.rows[0] as EnergyRow;
		const wait = waits.rows[1] as (typeof waits.rows)[0];
		const kept: Snapshot[] = [
			{
				...energy,
				group: 'cgroup',
				rows: [],
				focus: { pid: 1000, process, threads: [{ ...process, tid: 1007 }] },
			} as never,
			{
				...waits,
				group: 'cpu',
				rows: [],
				culprits: [
					{ pid: 1000, wait_ns: 4e6, culprits: [{ pid: 77, comm: sanitize('hog'), wait_ns: 3e6, turns: 12 }] },
				],
				focus: {
					pid: 1000,
					process: wait,
					threads: [{ ...wait, key: { ...wait.key, kind: 'thread', id: 1007, pid: 1000 }, buckets: [] }],
				},
			} as never,
		];
		await keys('j', '\r');
		for (const snapshot of kept) screen.store.apply({ kind: 'snapshot', snapshot });
		await settle();
		await keys('G');
		await eventually(() => expect(text()).toMatch(/75\.0% +3\.00ms +12 +hog\[77\]/));
		await eventually(() => expect(text()).toMatch(/1007 +\d.*postgres/));
	});

	test('a process that ends keeps its last figures, with the time of its exit', async () => {
		await keys('j', '\r');
		await eventually(() => expect(text()).toContain('Energy › postgres[1000]'));
		await tick(2, ended);
		const figures = () => /^Energy .*$/m.exec(text().slice(text().indexOf('›')))?.[0];
		await eventually(() => expect(text()).toMatch(/exited at \d\d:00:02/));
		const last = figures();
		expect(last).toMatch(/W model/);
		await tick(3, absent);
		await tick(4, absent);
		await eventually(() => expect(text()).toMatch(/exited at \d\d:00:02/));
		expect(figures()).toBe(last);
		expect(text()).toContain('time from runnable to running');
	});

	test('in time travel it shows the moment; facts read now are marked', async () => {
		await tick(2, ended);
		await keys('[', '[');
		await keys('j', '\r');
		await eventually(() => expect(text()).toContain('PAUSED'));
		await eventually(() => expect(text()).toContain('(/proc, now)'));
		expect(text()).not.toContain('exited');
		await keys('.');
		await eventually(() => expect(text()).toMatch(/exited at \d\d:00:02/));
	});

	test('facts that /proc lacks are reported as missing', async () => {
		screen.actions.inspect.mockResolvedValue(null);
		await keys('j', '\r');
		await eventually(() => expect(text()).toContain('/proc no longer knows'));
	});
});
