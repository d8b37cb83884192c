import { type SafeText, safe } from '../../../lib/sanitize.ts';
import { excessOf, type Rule } from '../rule.ts';
import { type Sources, sourceTabs } from '../sources.ts';
import { count, percent } from '../words.ts';

const limits = { perSecond: 10, share: 0.05 };

/** Events behind a tab's figures; where rows do not count any, the rows. */
function eventsOf(tab: NonNullable<Sources[keyof Sources]>): number {
	const rows = tab.rows as readonly { count?: number; key?: { kind: string } }[];
	const all = rows.find(({ key }) => key?.kind === 'all');
	return (all ? [all] : rows).reduce((sum, row) => sum + (row.count ?? 1), 0);
}

/** Our own figures miss something. */
export const losses: Rule = {
	id: 'losses',
	level: 'notice',
	title: 'own losses',
	help: `wattlag itself loses ${percent(limits.share)} of a tab's events, and at least ${limits.perSecond} a second: its figures miss them.`,
	look({ dt_ns, lost, sources }) {
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
};
