import { eachSeen, eventRows, SEEN_FOR } from '../events.ts';
import { missingTab } from '../interval.ts';
import type { Rule } from '../rule.ts';

/** The kernel has killed a process. */
export const oom = {
	id: 'oom',
	level: 'severe',
	title: 'OOM kills',
	help: 'The kernel has killed a process for want of memory; reported for a minute. Severe only with a second witness, its log; else high. Owner: the process that was killed.',
	beginsAfter: 0,
	endsAfter: SEEN_FOR,
	uncheckable: (interval) => missingTab(interval, 'events'),
	check: (interval) =>
		eachSeen(
			interval,
			eventRows(interval, 'oom').filter(({ reason }) => reason === 'VICTIM'),
		),
} as const satisfies Rule;
