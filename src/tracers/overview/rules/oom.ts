import { safe } from '../../../lib/sanitize.ts';
import { eventLink, eventOwner, eventRows, grouped, linkFilter, SEEN_FOR } from '../events.ts';
import { count } from '../format.ts';
import { missingTab } from '../interval.ts';
import type { Rule } from '../rule.ts';

/** The kernel has killed a process. */
export const oom = {
	id: 'oom',
	level: 'severe',
	title: 'OOM kills',
	help: 'The kernel has killed a process for want of memory; reported for a minute. Owner: the process that was killed.',
	beginsAfter: 0,
	endsAfter: SEEN_FOR,
	uncheckable: (interval) => missingTab(interval, 'events'),
	check(interval) {
		return grouped(eventRows(interval, 'oom').filter(({ reason }) => reason === 'VICTIM')).map(
			({ kind, reason, count: seen, top, meaning, newest }) => ({
				about: `${kind} ${reason} ${top.who}`,
				excess: seen,
				subject: top.who,
				text: safe`${newest?.text ?? meaning}${seen > 1 ? safe` (${count(seen)} times)` : safe``}`,
				figures: { events: seen },
				owner: eventOwner(safe`of`, top),
				link: eventLink(linkFilter(kind, reason)),
			}),
		);
	},
} as const satisfies Rule;
