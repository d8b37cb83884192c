import { execFileSync } from 'node:child_process';
import { mkdtempSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
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

test('a file that other code has mapped keeps its pages: another thread may unmap it meanwhile, and put other memory there', () => {
	const directory = mkdtempSync(join(tmpdir(), 'wattlag-memory-'));
	try {
		const mapped = join(directory, 'mapped');
		writeFileSync(mapped, 'x'.repeat(4096));
		const library = join(directory, 'library.so');
		const source = fileURLToPath(new URL('fixtures/maps-file.c', import.meta.url));
		execFileSync('clang', ['-O2', '-fPIC', '-shared', `-DMAPPED="${mapped}"`, source, '-o', library]);
		// it is no addon, but its constructor has run
		expect(() => process.dlopen({ exports: {} }, library)).toThrow();
		const resident = () => mappings().find(({ path }) => path === mapped)?.rss;
		expect(resident()).toBe(4096);

		addon().releaseMemory();

		expect(resident()).toBe(4096);
	} finally {
		rmSync(directory, { recursive: true, force: true });
	}
});
