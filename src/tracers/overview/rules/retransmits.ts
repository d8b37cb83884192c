import { safe } from '../../../lib/sanitize.ts';
import { eventLink, eventOwner, eventRows } from '../events.ts';
import { perSecond } from '../format.ts';
import { missingTab } from '../interval.ts';
import type { Rule } from '../rule.ts';

const limits = { perSecond: 20 };

/** TCP sends much again: packets are lost on the path, or here. */
export const retransmits = {
	id: 'retransmits',
	level: 'high',
	title: 'retransmits',
	help: `TCP sends ${limits.perSecond} segments a second or more again. The text says where the last ones were lost, if this machine has seen it. Owner: the process with most of them.`,
	uncheckable: (interval) => missingTab(interval, 'events'),
	check(interval) {
		const rows = eventRows(interval, 'retransmit');
		const [top] = rows;
		if (!top) return [];
		const sum = rows.reduce((total, row) => total + row.count, 0);
		const rate = (sum * 1e9) / interval.dt_ns;
		const lost = interval.sources.events?.events.findLast(({ lost_at }) => lost_at !== undefined)?.lost_at;
		const where =
			lost?.verdict === 'here'
				? safe`; lost here: ${lost.reason}`
				: lost?.verdict === 'elsewhere'
					? safe`; the loss was not seen on this machine`
					: safe``;
		return [
			{
				about: 'tcp',
				excess: rate / limits.perSecond,
				subject: safe`TCP`,
				text: safe`${perSecond(rate)} segments sent again, most for ${top.reason}${where}`,
				figures: { retransmits: sum, rate_per_s: rate },
				owner: eventOwner(safe`most by`, top),
				link: eventLink('kind = retransmit'),
			},
		];
	},
} as const satisfies Rule;
