import { safe } from '../../../lib/sanitize.ts';
import { eventLink, eventOwner, eventRows, grouped, linkFilter } from '../events.ts';
import { count, perSecond } from '../format.ts';
import { missingTab } from '../interval.ts';
import type { Rule } from '../rule.ts';

const limits = { high: 10, notice: 100 };

/** Packets that the kernel drops for a reason that is not part of normal operation. */
export const drops = {
	id: 'drops',
	level: 'high',
	title: 'packet drops',
	help: `The kernel drops ${limits.high} packets a second or more of one reason that stands for overload, or ${limits.notice} of one that stands for a policy, another machine or an error; normal operation does not count.`,
	uncheckable: (interval) => missingTab(interval, 'events'),
	check(interval) {
		return grouped(eventRows(interval, 'drop', 'overflow', 'nic-drop', 'conntrack', 'syn-flood')).map((group) => {
			const { kind, reason, severity, count: dropped, meaning, top, whos } = group;
			const rate = (dropped * 1e9) / interval.dt_ns;
			const limit = severity === 'notice' ? limits.notice : limits.high;
			const more = whos > 1 ? safe` and ${count(whos - 1)} more` : safe``;
			return {
				about: `${kind} ${reason}`,
				excess: rate / limit,
				subject: safe`${reason} on ${top.who}${more}`,
				text: safe`${perSecond(rate)} dropped: ${meaning}`,
				figures: { dropped, rate_per_s: rate },
				owner: eventOwner(safe`for`, top),
				link: eventLink(linkFilter(kind, reason)),
			};
		});
	},
} as const satisfies Rule;
