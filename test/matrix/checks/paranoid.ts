import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import type { Check } from '../check.ts';
import { isPlain } from '../machines.ts';

const SETTING = '/proc/sys/kernel/perf_event_paranoid';

export default {
	shows: 'With perf_event_paranoid=3 every tab loads, attaches and is read.',
	on: isPlain,
	async run(guest) {
		const before = readFileSync(SETTING, 'utf8');
		guest.atEnd(() => writeFileSync(SETTING, before));
		writeFileSync(SETTING, '3');
		const { exit_code, tabs } = JSON.parse(await guest.wattlag('doctor', '--json')) as {
			exit_code: number;
			tabs: { tab: string; works: boolean; reason: string }[];
		};
		assert.deepEqual(
			tabs.flatMap(({ tab, works, reason }) => (works ? [] : [`${tab}: ${reason}`])),
			[],
		);
		assert.equal(exit_code, 0);
	},
} satisfies Check;
