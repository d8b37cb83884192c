/** THE table of files that a profile is written to. */
import type { Profile } from '../model.ts';

export interface ProfileFormat {
	name: string;
	/** Endings of file names that mean it. */
	endings: readonly string[];
	help: string;
	write(profile: Profile, version: string): Promise<string | Uint8Array>;
}

export const PROFILE_FORMATS: readonly ProfileFormat[] = [
	{
		name: 'folded',
		endings: ['.folded', '.txt', '.collapsed'],
		help: 'a line per stack, for flamegraph.pl, inferno and speedscope',
		write: async (profile) => (await import('./folded.ts')).folded(profile),
	},
	{
		name: 'pprof',
		endings: ['.pb.gz', '.pprof', '.pb'],
		help: 'for go tool pprof, Parca, Pyroscope',
		write: async (profile) => (await import('./pprof.ts')).pprof(profile),
	},
	{
		name: 'speedscope',
		endings: ['.speedscope.json', '.speedscope'],
		help: 'for https://www.speedscope.app, which runs in the browser only',
		write: async (profile, version) => (await import('./speedscope.ts')).speedscope(profile, `wattlag ${version}`),
	},
	{
		name: 'svg',
		endings: ['.svg'],
		help: 'a flame graph in one file',
		write: async (profile) => (await import('./svg.ts')).svg(profile),
	},
	{
		name: 'json',
		endings: ['.json'],
		help: 'everything that is known of the profile',
		write: async (profile) => (await import('./json.ts')).profileJson(profile),
	},
];

/** By the ending of a file's name, the longest that fits. */
export function formatOfFile(file: string): ProfileFormat | undefined {
	return PROFILE_FORMATS.flatMap((format) =>
		format.endings.filter((ending) => file.endsWith(ending)).map((ending) => ({ format, ending })),
	).sort((a, b) => b.ending.length - a.ending.length)[0]?.format;
}
