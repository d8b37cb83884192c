import assert from 'node:assert/strict';
import type { Check } from '../check.ts';

const TROUBLE = /WARNING: |BUG: |Oops|Call Trace|general protection|possible recursive locking/;

export default {
	shows: 'The kernel has logged no warning and no bug after all other checks.',
	on: () => true,
	short: true,
	last: true,
	async run(guest) {
		const lines = (await guest.run('dmesg')).split('\n').filter((line) => TROUBLE.test(line));
		assert.deepEqual(lines, []);
	},
} satisfies Check;
