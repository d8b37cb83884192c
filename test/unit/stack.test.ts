import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { buildSync } from 'esbuild';
import { expect, test } from 'vitest';
import { mapPlaces, stackLines } from '../../src/core/stack.ts';

test('a stack from a minified bundle names lines of the sources', async () => {
	const folder = mkdtempSync(join(tmpdir(), 'wattlag-stack-'));
	try {
		const source = join(folder, 'thrower.ts');
		writeFileSync(
			source,
			"const unused: number = 1;\n\nexport function thrower(): never {\n\tthrow new Error('no\\u001b[31m');\n}\n",
		);
		const bundle = join(folder, 'thrower.mjs');
		buildSync({ entryPoints: [source], outfile: bundle, format: 'esm', minify: true, sourcemap: 'linked' });
		const { thrower } = (await import(pathToFileURL(bundle).href)) as { thrower(): never };
		try {
			thrower();
		} catch (error) {
			const lines = stackLines(error);
			expect(lines[0]).toMatch(/^no/);
			expect(lines[0]).not.toContain('\u001b');
			expect(lines[1]).toContain('thrower.ts:4:8');
		}
		expect.assertions(3);
	} finally {
		rmSync(folder, { recursive: true });
	}
});

test('places without a map stay as they are', () => {
	expect(mapPlaces('at file:///nowhere/x.mjs:1:2)')).toBe('at file:///nowhere/x.mjs:1:2)');
	expect(stackLines('a word')).toEqual(['a word']);
});
