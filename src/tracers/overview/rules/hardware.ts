import { eachSeen, eventRows, SEEN_FOR } from '../events.ts';
import { missingTab } from '../interval.ts';
import type { Rule } from '../rule.ts';

/** Something is broken. */
export const hardwareRule = {
	id: 'hardware',
	level: 'severe',
	title: 'hardware',
	help: 'The hardware, a disk or a file system reports an error, a CPU is locked up or too hot; reported for a minute. Severe only with a second witness; else high.',
	beginsAfter: 0,
	endsAfter: SEEN_FOR,
	uncheckable: (interval) => missingTab(interval, 'events'),
	check: (interval) =>
		eachSeen(interval, eventRows(interval, 'hardware', 'thermal', 'block-error', 'fs-error', 'lockup', 'rcu-stall')),
} as const satisfies Rule;
