import { type SafeText, safe } from '../../sanitize.ts';
import { excessOf, type Rule } from '../finding.ts';
import type { SourceTab } from '../sources.ts';
import { count } from '../words.ts';

const limits = { perSecond: 10 };

/** Our own figures miss something. */
export const losses: Rule = {
	id: 'losses',
	level: 'notice',
	title: 'own losses',
	help: `wattlag itself loses ${limits.perSecond} events a second or more in one tab: its figures miss them.`,
	look({ dt_ns, lost }) {
		return Object.entries(lost).map(([tab, events]) => ({
			about: tab,
			excess: excessOf([(events * 1e9) / dt_ns, limits.perSecond]),
			subject: safe`wattlag`,
			text: safe`lost ${count(events)} events of tab ${tab as SafeText} in this interval: figures there miss them`,
			figures: { lost: events },
			owner: null,
			link: { tab: tab as SourceTab, filter: '' },
		}));
	},
};
