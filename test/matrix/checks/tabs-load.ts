import assert from 'node:assert/strict';
import type { Check } from '../check.ts';

/** s in which a tab has to be loaded and attached. The emulated CPU is five to ten times slower than a real one. */
const BUDGET = 30;

interface Diagnosis {
	exit_code: number;
	tabs: { tab: string; works: boolean; reason: string; load_ns: number }[];
}

export default {
	shows: `Every tab loads, attaches and is read, each within ${BUDGET} s of emulated time.`,
	on: () => true,
	short: true,
	async run(guest) {
		const { exit_code, tabs } = JSON.parse(await guest.wattlag('doctor', '--json')) as Diagnosis;
		guest.note(tabs.map(({ tab, load_ns }) => `${tab} ${(load_ns / 1e9).toFixed(1)} s`).join(', '));
		assert.deepEqual(
			tabs.flatMap(({ tab, works, reason }) => (works ? [] : [`${tab}: ${reason}`])),
			[],
		);
		assert.equal(exit_code, 0);
		for (const { tab, load_ns } of tabs) assert.ok(load_ns < BUDGET * 1e9, `${tab} loads for ${load_ns / 1e9} s`);
	},
} satisfies Check;
