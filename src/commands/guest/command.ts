/** `wattlag guest HOST GUEST`: what a guest's stolen time was on its host. */
import { UsageError } from '../../core/errors.ts';
import { orUnlimited } from '../../options/values.ts';
import { type Command, print } from '../command.ts';

export const guest: Command = {
	name: 'guest',
	by: { word: 'guest', argument: 'HOST GUEST' },
	usage: 'guest',
	usageOptions: 'HOST GUEST [--vm TEXT] [--offset SECONDS]',
	summary: 'two recordings: processes that ran on the host while the guest’s CPUs were stolen',
	options: [
		{
			name: 'vm',
			type: 'string',
			default: '',
			placeholder: 'TEXT',
			once: true,
			help: 'the guest on the host: its pid, or part of its name or control group; empty: found by its waits',
		},
		{
			name: 'offset',
			type: 'number',
			default: 0,
			min: -31_536_000,
			max: 31_536_000,
			placeholder: 'SECONDS',
			once: true,
			help: 'to be added to the guest’s times, where its clock was wrong; 0: found by correlation',
		},
	],
	takes: ['json', 'limit'],
	check({ argument, more }) {
		if (argument !== '' && more.length !== 1)
			throw new UsageError('guest: name two recordings, of the host and of the guest');
	},
	async run({ line, registry }) {
		const { openBoth } = await import('../open-both.ts');
		const { guestJson, guestTable } = await import('./report.ts');
		const tracers = registry.map(({ tracer }) => tracer);
		const both = await openBoth(line.argument, line.more[0] ?? '', line, tracers);
		both.close();
		const limit = orUnlimited(Number(line.values['limit']));
		const { report } = both;
		if (line.values['json'] !== true) return print(guestTable(report, limit));
		return print(guestJson({ ...report, rows: report.rows.slice(0, limit) }));
	},
};
