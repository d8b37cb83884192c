import { eachSeen, eventRows, SEEN_FOR } from '../events.ts';
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
	check: (interval) => eachSeen(interval, eventRows(interval, 'link', 'bond', 'tx-timeout')),
} as const satisfies Rule;
