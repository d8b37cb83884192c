import { safe, sanitize } from '../../../lib/sanitize.ts';
import { percent } from '../format.ts';
import { missingTab, ownerOf, topByCpu } from '../interval.ts';
import { excessOf, type Rule } from '../rule.ts';
import { idleShare } from './no-rest.ts';

const limits = { busy: 0.5, below: 0.1 };

const ghz = (value: number) => sanitize(value.toFixed(2));

/** Busy CPUs may not use the clock that they have. */
export const frequencyCapped = {
	id: 'frequency-capped',
	level: 'notice',
	title: 'clock limits',
	help: `The highest clock that policy or firmware allows is ${percent(limits.below)} below that of the hardware (cpufreq), while CPUs are busy for ${percent(limits.busy)} of the time. Owner: the name with most CPU time.`,
	uncheckable: (interval) =>
		missingTab(interval, 'energy') ?? (interval.sources.energy?.rest?.frequency ? undefined : safe`no cpufreq`),
	check(interval) {
		const frequency = interval.sources.energy?.rest?.frequency;
		if (!frequency) return [];
		const { limit_ghz, max_ghz, firmware_ghz, governor } = frequency;
		const busy = 1 - idleShare(interval);
		const below = 1 - limit_ghz / max_ghz;
		const [top] = topByCpu(interval.rows);
		const who = firmware_ghz !== null && firmware_ghz <= limit_ghz ? safe`firmware` : safe`policy`;
		return [
			{
				about: '',
				excess: excessOf([busy, limits.busy], [below, limits.below]),
				subject: safe`clock`,
				text: safe`limited by ${who} to ${ghz(limit_ghz)} of ${ghz(max_ghz)} GHz, CPUs ${percent(busy)} busy (governor ${governor})`,
				figures: { limit_ghz, max_ghz, busy_share: busy },
				owner: ownerOf(safe`most CPU by`, top),
				link: { tab: 'energy', view: 'rest', filter: '' },
			},
		];
	},
} as const satisfies Rule;
