import { safe } from '../../../lib/sanitize.ts';
import { eventLink, eventOwner, eventRows, grouped, linkFilter, SEEN_FOR } from '../events.ts';
import { count } from '../format.ts';
import { missingTab } from '../interval.ts';
import type { Rule } from '../rule.ts';

/** A link has changed. */
export const linkRule = {
	id: 'link',
	level: 'high',
	title: 'network links',
	help: 'The link of a network device went down or up, or a bonding device changed its state (LACP), or a transmit queue hung; reported for a minute.',
	beginsAfter: 0,
	endsAfter: SEEN_FOR,
	uncheckable: (interval) => missingTab(interval, 'events'),
	check(interval) {
		return grouped(eventRows(interval, 'link', 'bond', 'tx-timeout')).map(
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
