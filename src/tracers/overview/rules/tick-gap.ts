import { safe } from '../../../lib/sanitize.ts';
import { eventLink, eventRows, linkFilter } from '../events.ts';
import { counted, percent } from '../format.ts';
import { missingTab } from '../interval.ts';
import type { Rule } from '../rule.ts';

const limits = { share: 0.05 };

/** A CPU that did not run its tick. */
export const tickGap = {
	id: 'tick-gap',
	level: 'high',
	title: 'tick gaps',
	help: `A CPU did not tick for ${percent(limits.share)} of the interval, in gaps of three ticks (10 ms at least) or longer. The text says why: stolen by the hypervisor, interrupts off, or a late timer.`,
	uncheckable: (interval) => missingTab(interval, 'events'),
	check(interval) {
		return eventRows(interval, 'tick-gap').map(({ reason, who, count: gaps, stalled_ns, meaning }) => {
			const share = stalled_ns / interval.dt_ns;
			return {
				about: `${reason} ${who}`,
				excess: share / limits.share,
				subject: who,
				text: safe`did not tick for ${percent(share)} of the time, in ${counted(gaps, safe`gap`)}: ${meaning}`,
				figures: { gaps, gap_ns: stalled_ns },
				owner: null,
				link: eventLink(linkFilter('tick-gap', reason)),
			};
		});
	},
} as const satisfies Rule;
