/** `wattlag captures`: the bundles that were made. */
import { systemReason, UsageError } from '../../core/errors.ts';
import { type Command, print } from '../command.ts';

export const captures: Command = {
	name: 'captures',
	by: { word: 'captures', argument: 'DIR', optional: true },
	usage: 'captures',
	usageOptions: '[DIR] [--json]',
	summary: 'bundles of incidents, newest first',
	takes: ['json', 'limit'],
	async run({ line }) {
		const { captureFolders, capturesJson, capturesTable } = await import('./list.ts');
		const { orUnlimited } = await import('../../options/values.ts');
		const { listCaptures } = await import('../../recording/capture.ts');
		const folders = captureFolders(line.argument);
		const all = folders.flatMap((path) => {
			try {
				return listCaptures(path).map((one) => ({ ...one, path }));
			} catch (error) {
				if (line.argument === '') return [];
				throw new UsageError(`${path}: ${systemReason(error)}`);
			}
		});
		const shown = all.slice(0, orUnlimited(Number(line.values['limit'])));
		return print(line.values['json'] === true ? capturesJson(shown) : capturesTable(shown, folders));
	},
};
