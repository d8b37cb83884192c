import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** WebAssembly as bytes, as the bundle has it. */
const wasmBytes = {
	name: 'wasm bytes',
	enforce: 'pre' as const,
	load(id: string) {
		if (!id.endsWith('.wasm')) return undefined;
		return `import { readFileSync } from 'node:fs'; export default new Uint8Array(readFileSync(${JSON.stringify(id)}));`;
	},
};

const shared = {
	plugins: [wasmBytes],
	// React runs as in production, which has no development JSX
	oxc: { jsx: { development: false } },
};

const onTheKernel = {
	setupFiles: 'test/setup/processes.ts',
	// tests of one file that count nothing, and mostly wait
	maxConcurrency: 4,
	// where much else runs, a program takes its time to start; a load ends with its test whenever that is
	testTimeout: 180_000,
	hookTimeout: 180_000,
	// they meet whatever else the machine does: one that fails is run again, and the report names it. What is broken fails thrice
	retry: 2,
};

/**
 * Files whose checks hold beside any load: the built program with its terminals, files, servers and peers, and objects
 * whose every count is of the test's own processes, devices or network namespaces.
 */
const besides = [
	'test/{native,pty}/**/*.test.ts',
	`test/truth/{${[
		'batch',
		'doctor',
		'energy-{detail,program}',
		'events-drops',
		'export-*',
		'fleet',
		'io-{delays,filter,kinds,owners,stacked,unplug}',
		'profile-symbols',
		'record',
		'report-browser',
		'restricted',
		'runqlat-{asleep,stamps}',
		'secrets',
		'services',
		'verifier',
	]}}.test.ts`,
];

/** Files that take longest, the longest first. */
const LONGEST = [
	'truth/secrets',
	'truth/fleet',
	'pty/faults',
	'truth/energy-program',
	'truth/restricted',
	'native/leaks',
	'screen/golden',
	'ui/age',
];

/** What takes longest begins first: begun last, it would run alone at the end. A run without results of another knows none. */
class LongestFirst extends BaseSequencer {
	override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
		const rank = ({ moduleId }: TestSpecification): number => {
			const at = LONGEST.findIndex((name) => moduleId.includes(`/test/${name}.test.`));
			return at < 0 ? LONGEST.length : at;
		};
		return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b));
	}
}

export default defineConfig({
	...shared,
	test: {
		sequence: { sequencer: LongestFirst },
		globalSetup: 'test/setup/run.ts',
		// its WebAssembly is loaded by the plugin above
		server: { deps: { inline: ['gecko-profiler-demangle'] } },
		testTimeout: 60_000,
		hookTimeout: 60_000,
		env: { NODE_ENV: 'production' },
		projects: [
			...[
				{ name: 'unit', include: ['test/{unit,ui}/**/*.test.{ts,tsx}'] },
				{ name: 'screen', include: ['test/screen/**/*.test.ts'] },
			].map((files) => ({
				extends: true as const,
				test: {
					...files,
					// beyond the CPUs of small machines: components wait for their timers
					maxWorkers: Math.max(3, availableParallelism()),
					// a process for each file takes as long as its tests
					isolate: false,
					setupFiles: 'test/setup/shared.ts',
					// of screens whose stream has no rows; Ink starts programs to find them otherwise, at each one
					env: { COLUMNS: '100', LINES: '24' },
					sequence: { groupOrder: 0 },
				},
			})),
			{
				extends: true,
				test: {
					name: 'program',
					include: besides,
					...onTheKernel,
					// most of each is waiting for the program to start, and for its intervals
					maxWorkers: Math.max(3, availableParallelism()),
					sequence: { groupOrder: 1 },
				},
			},
			{
				extends: true,
				test: {
					name: 'kernel',
					include: ['test/truth/**/*.test.ts'],
					exclude: besides,
					...onTheKernel,
					// they count what the whole machine does, or share out its CPUs: one file at a time, and nothing beside
					fileParallelism: false,
					sequence: { groupOrder: 2 },
				},
			},
		],
	},
});
