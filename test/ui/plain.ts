import { vi } from 'vitest';

/** A frame as text, without styles. */
export function plain(frame: string | undefined): string {
	return (frame ?? '').replace(/\x1b\[[0-9;]*m/g, '');
}

/** Let React and the keys' timer do their work. */
export function settle(ms = 20): Promise<void> {
	return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Tabs and charts are loaded when they are wanted: try again until the assertion holds. */
export function eventually(assertion: () => void): Promise<void> {
	return vi.waitFor(assertion, { timeout: 10_000, interval: 10 });
}
