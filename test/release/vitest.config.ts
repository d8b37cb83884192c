/** Checks of what was built: `npm run release -- --check` runs them. */
import { defineConfig } from 'vitest/config';

export default defineConfig({
	test: {
		globalSetup: 'test/setup/run.ts',
		setupFiles: 'test/setup/processes.ts',
		testTimeout: 180_000,
		hookTimeout: 180_000,
		// as the tests of the checkout that meet the running kernel
		retry: 2,
		fileParallelism: false,
		include: ['test/release/**/*.test.ts'],
	},
});
