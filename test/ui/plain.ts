import { vi } from 'vitest';

/** A frame as text, without styles. */
export function plain(frame: string | undefined): string {
	return (frame ?? '').replace(/\x1b\[[0-9;]*m/g, '');
}

/** Let React and the keys' timer do their work: each step of it is one turn of the event loop, however long it takes. */
export async function settle(ms = 20): Promise<void> {
	await new Promise((resolve) => setTimeout(resolve, ms));
	for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** Tabs and charts are loaded when they are wanted: try again until the assertion holds. */
export function eventually(assertion: () => void): Promise<void> {
	return vi.waitFor(assertion, { timeout: 10_000, interval: 10 });
}
