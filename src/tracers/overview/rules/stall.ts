import { safe } from '../../../lib/sanitize.ts';
import { eventLink, eventOwner, eventRows, linkFilter } from '../events.ts';
import { duration, percent } from '../format.ts';
import { missingTab } from '../interval.ts';
import type { Rule } from '../rule.ts';

const limits = { share: 0.1 };

/** A process that frees memory, or waits for write-back, instead of working. */
export const stall = {
	id: 'stall',
	level: 'high',
	title: 'memory stalls',
	help: `Threads of one process stalled for ${percent(limits.share)} of the interval, in reclaim, compaction or throttled writes. The text names the process whose memory has grown most in the interval. Owner: the process that stalled.`,
	uncheckable: (interval) => missingTab(interval, 'events'),
	check(interval) {
		const rows = eventRows(interval, 'reclaim', 'compaction', 'throttled-write');
		return rows.map((row) => {
			const grown = row.kind === 'throttled-write' ? undefined : interval.sources.events?.memory_growth[0];
			const blame =
				grown === undefined
					? safe``
					: safe`; memory of ${grown.cgroup} grew by ${percent(grown.share)} of the machine's`;
			return {
				about: `${row.kind} ${row.reason} ${row.who}`,
				excess: row.stalled_ns / interval.dt_ns / limits.share,
				subject: row.who,
				text: safe`stalled for ${duration(row.stalled_ns)} (${row.reason}): ${row.meaning}${blame}`,
				figures: { stalled_ns: row.stalled_ns, stalls: row.count },
				owner: eventOwner(safe`by`, row),
				link: eventLink(linkFilter(row.kind, row.reason)),
			};
		});
	},
} as const satisfies Rule;
