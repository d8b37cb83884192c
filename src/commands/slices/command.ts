/** `wattlag -v`: a line for every scheduling slice. */
import { orUnlimited } from '../../options/values.ts';
import { type Command, hostOf, untilSignal } from '../command.ts';
import { Output } from '../output.ts';

export const slices: Command = {
	name: 'slices',
	by: { option: 'verbose' },
	usage: '-v',
	usageOptions: '[--rate N]',
	summary: 'a line for every scheduling slice',
	options: [
		{
			name: 'verbose',
			short: 'v',
			type: 'boolean',
			default: false,
			once: true,
			help: 'print a line for every scheduling slice (a task on a CPU from switch to switch)',
		},
		{
			name: 'rate',
			type: 'number',
			integer: true,
			default: 1000,
			min: 1,
			max: 1_000_000,
			placeholder: 'N',
			once: true,
			help: 'lines per second at most; the number of suppressed lines is printed',
		},
	],
	takes: ['duration'],
	async run(context) {
		const { values } = context.line;
		const { streamSlices } = await import('./stream.ts');
		const output = new Output();
		const options = { rate: Number(values['rate']), duration: orUnlimited(Number(values['duration'])) };
		await streamSlices(hostOf(context), { ...options, print: (text) => output.print(text) }, untilSignal());
		return output.end();
	},
};
