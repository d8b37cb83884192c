import { type SafeText, safe } from '../../../lib/sanitize.ts';
import { count, percent } from '../format.ts';
import { excessOf, type Rule } from '../rule.ts';
import { type Sources, sourceTabs } from '../sources.ts';

const limits = { perSecond: 10, share: 0.05 };

/** Events in a tab's figures; rows without a count are one event each. */
function eventsOf(tab: NonNullable<Sources[keyof Sources]>): number {
	const rows = tab.rows as readonly { count?: number; key?: { kind: string } }[];
	const all = rows.find(({ key }) => key?.kind === 'all');
	return (all ? [all] : rows).reduce((sum, row) => sum + (row.count ?? 1), 0);
}

/** The figures of wattlag are incomplete. */
export const losses = {
	id: 'losses',
	level: 'notice',
	title: 'own losses',
	help: `wattlag loses ${percent(limits.share)} of a tab's events, and at least ${limits.perSecond} a second: its figures miss them.`,
	check({ dt_ns, lost, sources }) {
		return sourceTabs.flatMap((id) => {
			const [tab, missed = 0] = [sources[id], lost[id]];
			if (!tab || missed === 0) return [];
			const share = missed / (missed + eventsOf(tab));
			return [
				{
					about: id,
					excess: excessOf([(missed * 1e9) / dt_ns, limits.perSecond], [share, limits.share]),
					subject: safe`wattlag`,
					text: safe`lost ${count(missed)} events of tab ${id as SafeText}, ${percent(share)} of them`,
					figures: { lost: missed, share },
					owner: null,
					link: { tab: id, filter: '' },
				},
			];
		});
	},
} as const satisfies Rule;
