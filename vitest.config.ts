import { defineConfig } from 'vitest/config';

const shared = {
	// React runs as in production, which has no development JSX
	oxc: { jsx: { development: false } },
};

export default defineConfig({
	...shared,
	test: {
		globalSetup: 'test/setup/run.ts',
		testTimeout: 60_000,
		hookTimeout: 60_000,
		env: { NODE_ENV: 'production' },
		projects: [
			{
				extends: true,
				test: {
					name: 'unit',
					include: ['test/{unit,ui,screen}/**/*.test.{ts,tsx}'],
					sequence: { groupOrder: 0 },
				},
			},
			{
				extends: true,
				test: {
					name: 'kernel',
					include: ['test/{native,truth,pty}/**/*.test.ts'],
					setupFiles: 'test/setup/processes.ts',
					// they count what the whole machine does: one file at a time, and nothing beside
					fileParallelism: false,
					sequence: { groupOrder: 1 },
				},
			},
		],
	},
});
