/** `wattlag compare A B`: what changed between two recordings. `--live`: two ways to count CPU time over the same seconds. */
import { UsageError } from '../../core/errors.ts';
import { checkFilter } from '../../options/resolve.ts';
import { orUnlimited } from '../../options/values.ts';
import { type Command, type Context, hostOf, needTerminal, print, untilSignal } from '../command.ts';
import { changeTab } from './change-tab.ts';

/** Of `--live` by default; seconds. */
const DURATION = 10;
/** Rows of its table at most. */
const ROWS = 20;

async function live(context: Context): Promise<number> {
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
}

export const compare: Command = {
	name: 'compare',
	by: { word: 'compare', argument: 'A B', optional: true },
	usage: 'compare',
	usageOptions: 'A B [--screen] | --live [options]',
	summary: 'two recordings; BPF against /proc',
	options: [
		{
			name: 'live',
			type: 'boolean',
			default: false,
			once: true,
			help: 'BPF and the /proc sampler over the same seconds',
		},
		{
			name: 'screen',
			type: 'boolean',
			default: false,
			once: true,
			help: 'the comparison on the screen: sort, filter, search',
		},
		{
			name: 'from-mark',
			type: 'string',
			default: '',
			placeholder: 'TEXT',
			once: true,
			help: 'compare from this mark on (record --mark) in both recordings',
		},
		{
			name: 'to-mark',
			type: 'string',
			default: '',
			placeholder: 'TEXT',
			once: true,
			help: 'compare up to this mark in both recordings',
		},
	],
	takes: ['json', 'limit', 'duration', 'filter', 'fail-if'],
	ownFilter: true,
	check({ argument, values }) {
		const isLive = values['live'] === true;
		if (!isLive && argument === '')
			throw new UsageError('compare needs two recordings, wattlag compare A B, or --live');
		if (isLive && argument !== '') throw new UsageError('compare --live takes no recordings: leave them out');
		const ofOne = isLive ? ['screen', 'from-mark', 'to-mark', 'filter', 'fail-if'] : ['duration'];
		for (const name of ofOne) {
			if (!values[name]) continue;
			throw new UsageError(`--${name} does not go with compare ${isLive ? '--live' : 'A B'}: leave it out`);
		}
		if (values['screen'] === true && values['json'] === true)
			throw new UsageError('--screen and --json exclude each other: leave one out');
		for (const name of ['filter', 'fail-if']) checkFilter(name, String(values[name]), [changeTab as never]);
	},
	async run(context) {
		const { line, registry } = context;
		if (line.values['live'] === true) return live(context);
		const screen = line.values['screen'] === true;
		if (screen) needTerminal('wattlag compare A B');
		const { compareTwo, printComparison, showComparison } = await import('./recordings.ts');
		const comparison = await compareTwo(line, registry);
		return screen ? showComparison(comparison, line) : printComparison(comparison, line);
	},
};
