/** `wattlag compare --live`: two ways to count CPU time over the same seconds. */
import { UsageError } from '../../core/errors.ts';
import { orUnlimited } from '../../options/values.ts';
import { type Command, hostOf, print, untilSignal } from '../command.ts';

/** Unless told otherwise; seconds. */
const DURATION = 10;
/** Rows of the table at most. */
const ROWS = 20;

export const compare: Command = {
	name: 'compare',
	by: { word: 'compare' },
	usage: 'compare --live',
	usageOptions: '[--duration S] [--json]',
	summary: 'BPF against the /proc sampler, side by side',
	options: [
		{
			name: 'live',
			type: 'boolean',
			default: false,
			once: true,
			help: 'BPF and the /proc sampler over the same seconds',
		},
	],
	takes: ['json', 'limit', 'duration'],
	check({ values }) {
		if (values['live'] !== true) throw new UsageError('compare needs --live: wattlag compare --live');
	},
	async run(context) {
		const { sections, values } = context.line;
		const { compareLive } = await import('./run.ts');
		const { comparisonJson, comparisonTable } = await import('./report.ts');
		const { power, 'idle-share': idleShare } = sections['energy'] ?? {};
		const result = await compareLive(
			hostOf(context),
			{
				duration: Number(values['duration']) || DURATION,
				model: { tdp: Number(power), idleShare: Number(idleShare) / 100 },
			},
			untilSignal(),
		);
		const rows = Math.min(orUnlimited(Number(values['limit'])), ROWS);
		return print(values['json'] === true ? comparisonJson(result) : comparisonTable(result, rows));
	},
};
