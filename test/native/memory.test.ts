import { readlinkSync } from 'node:fs';
import { expect, test } from 'vitest';
import { mappings } from './fixtures/mappings.ts';
import { addon } from './support.ts';

test('pages of the executable that only the start needed are dropped', () => {
	const program = readlinkSync('/proc/self/exe');
	const constant = mappings().filter(({ path, access }) => path === program && !access.includes('w'));
	const before = constant.reduce((sum, { rss }) => sum + rss, 0);

	const dropped = addon().releaseMemory();

	// the mappings that hold most of the executable; the code that runs now comes back at once
	expect(dropped).toBeGreaterThan(before / 2);
	const starts = new Set(constant.map(({ from }) => from));
	const after = mappings().reduce((sum, { from, rss }) => sum + (starts.has(from) ? rss : 0), 0);
	expect(after).toBeLessThan(before);
});
