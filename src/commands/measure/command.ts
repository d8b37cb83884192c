/** `wattlag measure -- COMMAND`: energy, CPU time, waits and IO of a command's process tree. */
import { UsageError } from '../../core/errors.ts';
import { type Command, hostOf, print } from '../command.ts';

export const measure: Command = {
	name: 'measure',
	by: { word: 'measure', rest: 'COMMAND' },
	usage: 'measure',
	usageOptions: '[-n RUNS] [--json] -- COMMAND',
	summary: 'joules, CPU, waits and IO of a command',
	takes: ['iterations', 'json'],
	check({ rest }, _tracers, given) {
		if (rest[0] === undefined || rest[0] === '')
			throw new UsageError('measure needs a command: wattlag measure [-n RUNS] -- COMMAND [WORDS]');
		if (Number(given['iterations'] ?? 1) === 0)
			throw new UsageError('-n: 0 is out of range (measure runs at least once)');
	},
	async run(context) {
		const { rest, sections, values } = context.line;
		const command = rest as [string, ...string[]];
		const { Meter, StartError } = await import('./run.ts');
		const { exitCodeOf, measurementJson, measurementText } = await import('./report.ts');
		const meter = new Meter(hostOf(context), sections['energy'] ?? {});
		const runs = [];
		try {
			for (let left = Number(values['iterations']) || 1; left > 0; left--) {
				const run = await meter.run(command);
				runs.push(run);
				// a user who stops the command by a signal ends the series
				if (run.exit_code > 128) break;
			}
			const result = { runs, source: meter.about, tree: meter.tree };
			if (values['json'] === true) {
				const written = await print(
					measurementJson(command, result, {
						price: Number(sections['energy']?.['price'] ?? 0),
						co2: Number(sections['energy']?.['co2'] ?? 0),
					}),
				);
				return exitCodeOf(runs) || written;
			}
			// standard output is the command's
			process.stderr.write(measurementText(command, result));
			return exitCodeOf(runs);
		} catch (error) {
			if (!(error instanceof StartError)) throw error;
			process.stderr.write(`wattlag: ${error.message}\n`);
			return error.exitCode;
		} finally {
			meter.close();
		}
	},
};
