import { expect, test } from 'vitest';
import { Pace } from '../../src/commands/record/pace.ts';
import { Session } from '../../src/commands/record/session.ts';
import type { Snapshot } from '../../src/core/snapshot.ts';
import { base } from '../ui/fixtures/made-up.ts';

/** A recorder whose interval costs 100 ms of CPU time, as long as it is an interval of a sampler with this session. */
function recorded(limit: number, intervals: number) {
	const all: Snapshot[][] = [];
	const said: string[] = [];
	const lengths: number[] = [];
	let bytes = 0;
	const session = new Session({
		recorder: {
			get status() {
				return { bytes };
			},
			add(snapshots) {
				all.push([...snapshots]);
				bytes += 1000;
			},
		},
		capturing: { see: () => {} },
		pace: new Pace({ seconds: 1, limit }),
		tabs: 2,
		say: (line) => said.push(line),
	});
	let length = 1;
	session.setInterval = (seconds) => {
		length = seconds;
		lengths.push(seconds);
	};
	const run = async () => {
		for (let tick = 1; tick <= intervals; tick++) {
			const now = { dt_ns: length * 1e9, rows: [] };
			for (const tab of ['energy', 'runqlat']) {
				const snapshot = { ...base(tab, tick, 'process'), ...now } as unknown as Snapshot;
				session.take({ kind: 'snapshot', snapshot: { ...snapshot, cost: { ...snapshot.cost, cpu_ns: 1e8 } } });
			}
			session.flush();
			// not in the turn in which the sampler sets the end of its next interval
			expect(length).toBe(now.dt_ns / 1e9);
			await Promise.resolve();
		}
	};
	return { run, all, said, lengths };
}

test('what is over the limit makes intervals longer: each says so, the user is told once', async () => {
	const { run, all, said, lengths } = recorded(0.03, 60);
	await run();
	expect(lengths).toEqual([5]);
	const costs = all.map(([first]) => first?.cost);
	expect(costs.every((cost) => cost?.cpu_limit === 0.03)).toBe(true);
	const stretched = costs.findIndex((cost) => cost?.step_ns === 5e9);
	expect(stretched).toBeGreaterThan(30);
	expect(costs.slice(0, stretched).every((cost) => cost !== undefined && !('step_ns' in cost))).toBe(true);
	expect(all[stretched]?.[0]?.dt_ns).toBe(5e9);
	expect(all[stretched - 1]?.[0]?.dt_ns).toBe(1e9);
	expect(said).toEqual([
		'intervals become longer (5 s) while recording would take more than 3.0% of a CPU; see --max-cpu',
	]);
});

test('all tabs of an interval are one addition, with the bytes written since the one before', async () => {
	const { run, all, said, lengths } = recorded(0, 40);
	await run();
	expect(all).toHaveLength(40);
	expect(all.every((snapshots) => snapshots.length === 2)).toBe(true);
	expect(all.map(([first]) => first?.cost.recorded_bytes).slice(0, 3)).toEqual([0, 1000, 1000]);
	expect(all.flat().every(({ cost }) => cost.cpu_limit === undefined && cost.step_ns === undefined)).toBe(true);
	expect([said, lengths]).toEqual([[], []]);
});
