/**
 * THE table of formats of `wattlag export`: a line each. A format is a module that turns a recording into chunks of its
 * file; nothing of it is loaded before it is chosen.
 */
import type { Exporter } from './exporter.ts';

export interface ExportFormat {
	name: string;
	/** For help, a few words. */
	summary: string;
	load(): Promise<Exporter>;
}

export const formats: readonly ExportFormat[] = [
	{
		name: 'jsonl',
		summary: 'the lines of --batch --json',
		load: async () => (await import('./jsonl.ts')).jsonl,
	},
];
