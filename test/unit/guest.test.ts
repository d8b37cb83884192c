/** A guest beside its host: synthetic recordings whose clocks differ by a known time. */
import { describe, expect, test } from 'vitest';
import type { Snapshot } from '../../src/core/snapshot.ts';
import { safe, sanitize } from '../../src/lib/sanitize.ts';
import { fromText, toText } from '../../src/recording/columns-text.ts';
import { type Amount, align } from '../../src/recording/guest/align.ts';
import { compareGuest, type GuestInput } from '../../src/recording/guest/guest.ts';
import type { AnyRecording, Choice, Part } from '../../src/recording/recordings.ts';
import { generator } from '../lib/random.ts';

const START = Date.UTC(2026, 0, 2, 10);

/** Bursts of waiting at random times, in ns by ms of the host's clock. */
function bursts(seed: number, seconds: number): (from: number, to: number) => number {
	const random = generator(seed);
	const all: { from: number; to: number; rate: number }[] = [];
	for (let at = 0; at < seconds * 1000; ) {
		at += 1000 + random() * 8000;
		const to = at + 500 + random() * 4000;
		all.push({ from: START + at, to: START + to, rate: random() });
		at = to;
	}
	return (from, to) =>
		all.reduce((sum, one) => sum + Math.max(0, Math.min(to, one.to) - Math.max(from, one.from)) * one.rate * 1e6, 0);
}

/** Intervals of `step` ms; `clock` ms are added to the times that the recording machine writes down. */
function amounts(
	of: (from: number, to: number) => number,
	seconds: number,
	clock: number,
	step = 1000,
	grain = 1,
): Amount[] {
	return Array.from({ length: Math.floor((seconds * 1000) / step) }, (_, at) => {
		const from = START + at * step + (clock % step);
		const amount = Math.round(of(from, from + step) / grain) * grain;
		return { from: from + clock, to: from + step + clock, amount };
	});
}

describe('alignment', () => {
	test.each([-7300, -500, 0, 250, 1700, 61_400])('clocks %d ms apart', (clock) => {
		const of = bursts(7, 600);
		// the guest's kernel counts stolen time in steps of 10 ms
		const guest = amounts(of, 500, clock, 1000, 1e7);
		const found = align(amounts(of, 600, 0), guest, 1000);
		expect(found.method).toBe('correlation');
		expect(Math.abs(found.offset_ms + clock)).toBeLessThanOrEqual(found.uncertainty_ms as number);
		expect(found.uncertainty_ms).toBeLessThanOrEqual(1000);
		expect(found.correlation).toBeGreaterThan(0.8);
	});

	test('the interval contains the true offset in at least 38 of 40 recordings, with noise', () => {
		let inside = 0;
		for (let seed = 1; seed <= 40; seed++) {
			const random = generator(seed + 1000);
			const clock = Math.round((random() - 0.5) * 20_000);
			const of = bursts(seed, 200);
			// waits that are not the guest's: threads of the hypervisor itself
			const host = amounts(of, 200, 0).map((one) => ({ ...one, amount: one.amount + random() * 2e8 }));
			const found = align(host, amounts(of, 180, clock, 1000, 1e7), 1000);
			if (found.method === 'correlation' && Math.abs(found.offset_ms + clock) <= (found.uncertainty_ms as number))
				inside++;
		}
		expect(inside).toBeGreaterThanOrEqual(38);
	});

	test('what has nothing to do with each other is not aligned', () => {
		let aligned = 0;
		for (let seed = 1; seed <= 20; seed++)
			if (
				align(amounts(bursts(seed, 300), 300, 0), amounts(bursts(seed + 500, 300), 300, 0), 1000).method ===
				'correlation'
			)
				aligned++;
		expect(aligned).toBeLessThanOrEqual(1);
	});

	test('nothing stolen, and nothing recorded', () => {
		const of = bursts(3, 100);
		expect(
			align(
				amounts(of, 100, 0),
				amounts(() => 0, 100, 0),
				1000,
			),
		).toMatchObject({ method: 'wall clock', correlation: null });
		expect(align([], [], 1000)).toMatchObject({ method: 'wall clock', uncertainty_ms: null });
	});
});

interface Process {
	pid: number;
	comm: string;
	cpu_ns: number;
	wait_ns?: number;
}

function recording(name: string, snapshots: object[], cpus: number): GuestInput {
	const machine = { host: sanitize(name), kernel: safe`6.1.0`, cpus, boot: '' };
	const of = {
		machine,
		// what an archive gives: the part of each snapshot that is asked for
		async *snapshots(_: Part | undefined, { excerpts }: Choice) {
			for (const snapshot of snapshots as Snapshot[]) {
				const excerpt = excerpts[snapshot.tab];
				if (excerpt) yield fromText(toText(snapshot), excerpt) as unknown as Snapshot;
			}
		},
		marks: [],
		damage: () => [],
		close: () => {},
	};
	return { path: name, recording: of as unknown as AnyRecording };
}

const overview = (to: number, processes: Process[], totals: object) => ({
	tab: 'overview',
	time: new Date(to).toISOString(),
	mono_ns: (to - START) * 1e6,
	dt_ns: 1e9,
	totals,
	rows: processes.map((row) => ({ start_time: 1, cgroup: safe`/`, wait_ns: 0, ...row })),
});

/** A host with two virtual machines; the first one is the guest, which waits while `hog` runs, and once while `backup` does. */
function pair({ steal = true, blamed = false, clock = 2300 } = {}) {
	const [mine, other] = [bursts(11, 120), bursts(12, 120)];
	const host: object[] = [];
	for (let at = 0; at < 120; at++) {
		const to = START + (at + 1) * 1000;
		const wait = mine(to - 1000, to);
		const hog = at < 90 ? 'hog' : 'backup';
		if (blamed)
			host.push({
				tab: 'runqlat',
				time: new Date(to).toISOString(),
				mono_ns: (to - START) * 1e6,
				dt_ns: 1e9,
				rows: [],
				culprits: [{ pid: 100, wait_ns: wait, culprits: [{ pid: 7, comm: 'interrupter', wait_ns: wait }] }],
			});
		const processes = [
			{ pid: 100, comm: 'qemu-system-x86', cpu_ns: 5e8, wait_ns: wait },
			{ pid: 200, comm: 'qemu-system-x86', cpu_ns: 5e8, wait_ns: other(to - 1000, to) },
			{ pid: 7, comm: hog, cpu_ns: wait },
		];
		host.push(overview(to, processes, { cpus: 4 }));
	}
	const guest = Array.from({ length: 100 }, (_, at) => {
		const to = START + (at + 1) * 1000;
		const steal_ns = Math.round(mine(to - 1000, to) / 1e7) * 1e7;
		return overview(to + clock, [{ pid: 1, comm: 'init', cpu_ns: 1e6 }], { cpus: 2, ...(steal && { steal_ns }) });
	});
	return [recording('host', host, 4), recording('guest', guest, 2)] as const;
}

describe('a guest on its host', () => {
	test('is found among several, its clock aligned, and who ran meanwhile named', async () => {
		const report = await compareGuest(...pair(), { named: '' });
		expect(report.machine).toMatchObject({ pid: 100 });
		expect(report.found).toContain('agree with the guest');
		expect(report.alignment.method).toBe('correlation');
		expect(Math.abs(report.alignment.offset_ms + 2300)).toBeLessThanOrEqual(report.alignment.uncertainty_ms as number);
		expect(report.aligned).toMatch(/clock is 2\.\d\d s ahead of the host's, ± /);
		expect(report.stolen.share).toBeGreaterThan(0.02);
		expect(report.by).toBe('CPU time');
		expect(report.rows.map(({ comm }) => comm)).toEqual(expect.arrayContaining(['hog', 'backup', 'qemu-system-x86']));
		expect(report.rows.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 6);
	});

	test('culprits name who had the CPU', async () => {
		const report = await compareGuest(...pair({ blamed: true }), { named: '' });
		expect(report.by).toBe('culprits');
		expect(report.rows).toEqual([expect.objectContaining({ comm: 'interrupter', share: 1 })]);
	});

	test('without stolen time nothing is guessed: which of two it is must be named', async () => {
		const report = await compareGuest(...pair({ steal: false }), { named: '' });
		expect(report).toMatchObject({ machine: null, rows: [], stolen: { steal_ns: null, share: null } });
		expect(report.found).toMatch(/2 virtual machines ran.*--vm PID of qemu-system-x86\[100\], qemu-system-x86\[200\]/);
		expect(report.aligned).toContain('reports no stolen time');
		const named = await compareGuest(...pair({ steal: false }), { named: '100' });
		expect(named).toMatchObject({ machine: { pid: 100 }, alignment: { method: 'wall clock', offset_ms: 0 } });
		expect(named.stolen.waited_share).toBeGreaterThan(0.02);
	});

	test('a guest that reports no stolen time is aligned by CPU time, minutes away too', async () => {
		const work = bursts(21, 120);
		const clock = 187_000;
		const host = Array.from({ length: 120 }, (_, at) => {
			const to = START + (at + 1) * 1000;
			const cpu_ns = work(to - 1000, to) + 5e7;
			return overview(
				to,
				[
					{ pid: 100, comm: 'qemu-system-x86', cpu_ns, wait_ns: 1e8 },
					{ pid: 200, comm: 'qemu-system-x86', cpu_ns: 3e8, wait_ns: 1e8 },
					{ pid: 7, comm: 'hog', cpu_ns: 1e9 },
				],
				{ cpus: 4 },
			);
		});
		const guest = Array.from({ length: 100 }, (_, at) => {
			const to = START + (at + 1) * 1000;
			return overview(to + clock, [], { cpus: 1, busy_ns: work(to - 1000, to), steal_ns: 0 });
		});
		const report = await compareGuest(recording('host', host, 4), recording('guest', guest, 1), { named: '' });
		expect(report).toMatchObject({ machine: { pid: 100 }, alignment: { method: 'correlation' } });
		expect(Math.abs(report.alignment.offset_ms + clock)).toBeLessThanOrEqual(report.alignment.uncertainty_ms as number);
		expect(report.aligned).toMatch(/by CPU time on both sides.*18[67]\.\d\d s ahead of/);
		// of the waiting over the time of both, the hog had most
		expect(report.rows[0]).toMatchObject({ comm: 'hog' });
		expect(report.stolen.waited_share).toBeCloseTo(0.1, 1);
	});

	test('clocks without a common time say so; the user can move them', async () => {
		const [host, guest] = pair({ steal: false, clock: 7_200_000 });
		const report = await compareGuest(host, guest, { named: '100' });
		expect(report).toMatchObject({ machine: null });
		expect(report.found).toContain('no time in common');
		const moved = await compareGuest(host, guest, { named: '100', offset_ms: -7_200_000 });
		expect(moved).toMatchObject({ machine: { pid: 100 }, alignment: { method: 'wall clock', offset_ms: -7_200_000 } });
	});

	test('no such process, and no overview', async () => {
		const report = await compareGuest(...pair(), { named: 'nothing-of-this-name' });
		expect(report).toMatchObject({ machine: null });
		expect(report.found).toContain("no process matches 'nothing-of-this-name'");
		const [host] = pair();
		await expect(compareGuest(host, recording('empty', [], 1), { named: '' })).rejects.toThrow(
			'empty: no overview was recorded',
		);
	});
});
