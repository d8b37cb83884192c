import { defineConfig } from 'vitest/config';

export default defineConfig({
	// React runs as in production, which has no development JSX
	oxc: { jsx: { development: false } },
	test: {
		include: ['test/**/*.test.{ts,tsx}'],
		// tests against the running kernel count what the whole machine does: one file at a time
		fileParallelism: false,
		// a shared build machine disturbs a measurement now and then: there it is taken once more, which the report shows
		retry: process.env['CI'] ? 1 : 0,
		testTimeout: 60_000,
		hookTimeout: 60_000,
		env: { NODE_ENV: 'production' },
	},
});
