import { safe } from '../../../lib/sanitize.ts';
import { count, counted } from '../format.ts';
import { missingTab, ownerOf, topByCpu } from '../interval.ts';
import type { Rule } from '../rule.ts';

/** Processors were slowed down since they were too hot. */
export const throttledHeat = {
	id: 'throttled-heat',
	level: 'high',
	title: 'heat',
	help: 'A core or package was slowed down since it was too hot (thermal_throttle counters), or a cooling device slows processors down. Owner: the name with most CPU time.',
	// the counters jump once for each episode
	endsAfter: 10e9,
	beginsAfter: 0,
	uncheckable: (interval) =>
		missingTab(interval, 'energy') ??
		(interval.sources.energy?.rest?.throttling ? undefined : safe`no thermal throttling counters`),
	check({ sources, rows }) {
		const throttling = sources.energy?.rest?.throttling;
		if (!throttling) return [];
		const { events, cooling, throttled_ns, events_total } = throttling;
		const [top] = topByCpu(rows);
		return [
			{
				about: '',
				excess: Math.max(events, cooling),
				subject: safe`heat`,
				text:
					events > 0
						? safe`processors were slowed down by heat ${events === 1 ? safe`once` : safe`${count(events)} times`} in this interval`
						: safe`${counted(cooling, safe`cooling device`)} ${cooling === 1 ? safe`slows` : safe`slow`} processors down`,
				figures: { events, events_total, cooling, ...(throttled_ns !== null && { throttled_ns }) },
				owner: ownerOf(safe`most CPU by`, top),
				link: { tab: 'energy', view: 'rest', filter: '' },
			},
		];
	},
} as const satisfies Rule;
