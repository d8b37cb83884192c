import { safe } from '../../../lib/sanitize.ts';
import { eventLink, eventOwner, eventRows, grouped, linkFilter, SEEN_FOR } from '../events.ts';
import { count } from '../format.ts';
import { missingTab } from '../interval.ts';
import type { Rule } from '../rule.ts';

/** Something is broken. */
export const hardwareRule = {
	id: 'hardware',
	level: 'severe',
	title: 'hardware',
	help: 'The hardware, a disk or a file system reports an error, a CPU is locked up or too hot; reported for a minute.',
	beginsAfter: 0,
	endsAfter: SEEN_FOR,
	uncheckable: (interval) => missingTab(interval, 'events'),
	check(interval) {
		return grouped(eventRows(interval, 'hardware', 'thermal', 'block-error', 'fs-error', 'lockup', 'rcu-stall')).map(
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
