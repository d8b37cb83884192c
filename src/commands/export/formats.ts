/**
 * THE table of formats of `wattlag export`: a line each. A format is a module that turns a recording into chunks of its
 * file; nothing of it is loaded before it is chosen.
 */
import type { Exporter } from './exporter.ts';

export interface ExportFormat {
	name: string;
	/** For help, a few words. */
	summary: string;
	/** It has tracks for scheduling slices. */
	slices?: true;
	load(): Promise<Exporter>;
}

export const formats: readonly ExportFormat[] = [
	{
		name: 'jsonl',
		summary: 'the lines of --batch --json',
		load: async () => (await import('./jsonl.ts')).jsonl,
	},
	{
		name: 'csv',
		summary: 'rows of one tab as a table; of several tabs a figure a line',
		load: async () => (await import('./csv.ts')).csv,
	},
	{
		name: 'perfetto',
		summary: 'a trace for ui.perfetto.dev',
		slices: true,
		load: async () => (await import('./traces.ts')).perfetto,
	},
	{
		name: 'chrome',
		summary: 'a trace for chrome://tracing, Perfetto or speedscope',
		slices: true,
		load: async () => (await import('./traces.ts')).chrome,
	},
	{
		name: 'openmetrics',
		summary: 'metrics with times, for promtool tsdb create-blocks-from',
		load: async () => (await import('./openmetrics.ts')).openmetrics,
	},
	{
		name: 'wlb',
		summary: 'one file that replay shows anywhere',
		load: async () => (await import('./bundle.ts')).bundle,
	},
];
