import { type SafeText, safe } from '../../../lib/sanitize.ts';
import type { Count } from '../../../lib/units.ts';
import { counted, percent } from '../format.ts';
import type { Interval } from '../interval.ts';
import { excessOf, type Rule } from '../rule.ts';
import { type Sources, type SourceTab, sourceTabs } from '../sources.ts';

const limits = { perSecond: 10, share: 0.05 };

/** Events in a tab's figures; rows without a count are one event each. */
function eventsOf(tab: NonNullable<Sources[keyof Sources]>): number {
	const rows = tab.rows as readonly { count?: number; key?: { kind: string } }[];
	const all = rows.find(({ key }) => key?.kind === 'all');
	return (all ? [all] : rows).reduce((sum, row) => sum + (row.count ?? 1), 0);
}

/** Events of a tab that are missing in its figures of the interval: their number, their part (0–1), and that as a multiple of the limits. */
function lossOf({ dt_ns, lost, sources }: Interval, id: SourceTab): { missed: Count; share: number; excess: number } {
	const [tab, missed = 0] = [sources[id], lost[id]];
	if (!tab || missed === 0) return { missed: 0, share: 0, excess: 0 };
	const share = missed / (missed + eventsOf(tab));
	return { missed, share, excess: excessOf([(missed * 1e9) / dt_ns, limits.perSecond], [share, limits.share]) };
}

/** To follow what is said by the figures of a tab; empty: no more than a few of its events are lost. */
export function lossText(interval: Interval, id: SourceTab): SafeText {
	const { share, excess } = lossOf(interval, id);
	return excess >= 1
		? safe`; ${percent(share)} of the events of tab ${id as SafeText} are lost, so that its figures are too low`
		: safe``;
}

/** The figures of wattlag are incomplete. */
export const losses = {
	id: 'losses',
	level: 'notice',
	title: 'own losses',
	help: `wattlag loses ${percent(limits.share)} of a tab's events, and at least ${limits.perSecond} a second: its figures miss them.`,
	check: (interval) =>
		sourceTabs.flatMap((id) => {
			const { missed, share, excess } = lossOf(interval, id);
			if (missed === 0) return [];
			return [
				{
					about: id,
					excess,
					subject: safe`wattlag`,
					text: safe`lost ${counted(missed, safe`event`)} of tab ${id as SafeText}, ${percent(share)} of them`,
					figures: { lost: missed, share },
					owner: null,
					link: { tab: id, filter: '' },
				},
			];
		}),
} as const satisfies Rule;
