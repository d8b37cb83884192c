import { defineConfig } from 'vitest/config';

export default defineConfig({
	// React runs as in production, which has no development JSX
	oxc: { jsx: { development: false } },
	test: {
		include: ['test/**/*.test.{ts,tsx}'],
		// tests against the running kernel count what the whole machine does: one file at a time
		fileParallelism: false,
		testTimeout: 60_000,
		hookTimeout: 60_000,
		env: { NODE_ENV: 'production' },
	},
});
