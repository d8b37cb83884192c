/** `wattlag version`: versions of the program and of what it runs with, for reports of faults. */
import { release } from 'node:os';
import { type Command, type Context, hostOf, print } from '../command.ts';
import type { Versions } from './report.ts';

function libbpf(context: Context): string | null {
	try {
		return hostOf(context).addon.libbpfVersion();
	} catch {
		return null;
	}
}

export const version: Command = {
	name: 'version',
	by: { word: 'version' },
	usage: 'version',
	usageOptions: '[--json]',
	summary: 'versions of wattlag, libbpf and Node',
	takes: ['json'],
	async run(context) {
		const { releasedCommit } = await import('./build-info.ts');
		const { versionsJson, versionsText } = await import('./report.ts');
		const versions: Versions = {
			wattlag: context.version,
			build: releasedCommit === undefined ? 'checkout' : 'release',
			commit: releasedCommit ?? null,
			libbpf: libbpf(context),
			node: process.versions.node,
			arch: process.arch,
			kernel: release(),
		};
		return print(context.line.values['json'] === true ? versionsJson(versions) : versionsText(versions));
	},
};
