/** `wattlag record`: all tabs to segments on disk, headless. */
import { UsageError } from '../../core/errors.ts';
import { words } from '../../options/common.ts';
import { MAX_MARK } from '../../recording/mark.ts';
import { EVENT_KINDS } from '../../tracers/events/snapshot.ts';
import { checkCapture } from '../check-capture.ts';
import type { Command } from '../command.ts';

const DAY_S = 86_400;

export const record: Command = {
	name: 'record',
	by: { word: 'record', argument: 'DIR', optional: true, rest: 'COMMAND' },
	usage: 'record',
	usageOptions: '[DIR] [options] [-- COMMAND]',
	summary: 'write all tabs to a folder, headless',
	options: [
		{
			name: 'tabs',
			type: 'string',
			default: '',
			placeholder: 'TAB,…',
			once: true,
			help: 'tabs to record or export; empty: all that run unasked',
		},
		{
			name: 'mark',
			type: 'string',
			default: '',
			placeholder: 'TEXT',
			once: true,
			help: 'add a mark to the recording at this moment, and do nothing else; compare and replay go to it',
		},
		{
			name: 'keep-hours',
			type: 'number',
			default: 2,
			min: 0.1,
			max: 8760,
			placeholder: 'HOURS',
			once: true,
			help: 'age at which intervals as they were measured are removed',
		},
		{
			name: 'keep-days',
			type: 'number',
			default: 7,
			min: 0,
			max: 3650,
			placeholder: 'DAYS',
			once: true,
			help: 'age at which intervals merged to ten seconds are removed; 0: none are written',
		},
		{
			name: 'keep-size',
			type: 'number',
			default: 1024,
			min: 1,
			max: 1e6,
			placeholder: 'MIB',
			once: true,
			help: 'size of the folder at most, the segment that is written included',
		},
		{
			name: 'keep-free',
			type: 'number',
			default: 0,
			min: 0,
			max: 1e6,
			placeholder: 'MIB',
			once: true,
			help: 'room to leave on the file system (0: 5 %, at most 1024)',
		},
		{
			name: 'max-cpu',
			type: 'number',
			default: 3,
			min: 0,
			max: 10_000,
			placeholder: 'PERCENT',
			once: true,
			help: 'CPU time of the recorder at most, as a share of one CPU; intervals become longer, at most ten times, while it would take more (0: they never do)',
		},
		{
			name: 'capture',
			type: 'string',
			default: '',
			placeholder: 'WHAT,…',
			once: true,
			help: `write a bundle when one of these begins: high (findings high or severe), severe, or kinds of events: ${EVENT_KINDS.join(' ')}`,
		},
		{
			name: 'capture-if',
			type: 'string',
			default: '',
			placeholder: 'TEXT',
			once: true,
			help: "a bundle when a row begins to match, e.g. 'p99 > 50ms'; SIGUSR2 makes one at any time",
		},
		{
			name: 'capture-after',
			type: 'number',
			default: 120,
			min: 0,
			max: 3600,
			placeholder: 'SECONDS',
			once: true,
			help: 'time after the cause that a bundle has; before it are five minutes',
		},
	],
	takes: ['duration'],
	check({ values, without, rest }, tracers) {
		checkCapture({ values, without }, tracers);
		const ids = tracers.map(({ id }) => id);
		for (const id of words(String(values['tabs']))) {
			if (!ids.includes(id)) throw new UsageError(`--tabs: no tab '${id}'; there are ${ids.join(', ')}`);
			if (without.includes(id)) throw new UsageError(`--tabs ${id}: left out by --without`);
		}
		const mark = String(values['mark']);
		if (mark.length > MAX_MARK) throw new UsageError(`--mark: longer than ${MAX_MARK} characters`);
		if (mark !== '' && rest.length > 0) throw new UsageError('--mark records nothing: leave the command out');
		if (Number(values['duration']) > DAY_S) throw new UsageError(`--duration: at most ${DAY_S}`);
	},
	async run(context) {
		const { addMark, runRecord } = await import('./run.ts');
		return context.line.values['mark'] === '' ? runRecord(context) : addMark(context.line);
	},
};
