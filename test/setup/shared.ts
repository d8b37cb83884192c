/** Once for a test file: files share a process, and each gets it as the one before it did. */
import { afterAll, vi } from 'vitest';
import { setPalette } from '../../src/term/theme.ts';

afterAll(() => {
	vi.useRealTimers();
	vi.restoreAllMocks();
	vi.unstubAllEnvs();
	setPalette({ theme: 'dark', colours: 16 });
});
