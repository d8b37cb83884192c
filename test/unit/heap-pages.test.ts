import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

/** Prints the resident memory at the end of a heap of 200 MB, and when it has been small for a while. */
const program = `
	import { releaseHeapRegularly } from ${JSON.stringify(new URL('../../src/lib/heap-pages.ts', import.meta.url).href)};
	const end = releaseHeapRegularly({ every: 20, looks: 5, much: 2 ** 25 });
	const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
	let all = Array.from({ length: 3_000_000 }, (_, n) => ({ n }));
	await wait(100);
	const large = process.memoryUsage.rss();
	all = null;
	// the heap is small from here on, and its pages stay
	gc();
	let small = large;
	for (let left = 200; left > 0 && small > large / 2; left--) {
		await wait(20);
		small = process.memoryUsage.rss();
	}
	end();
	console.log(JSON.stringify({ large, small }));
`;

test('a heap that was large for a while gives its memory back', async () => {
	const args = ['--no-warnings', '--expose-gc', '--input-type=module', '--eval', program];
	const { stdout } = await promisify(execFile)(process.execPath, args);
	const { large, small } = JSON.parse(stdout) as { large: number; small: number };
	expect(large).toBeGreaterThan(150e6);
	expect(small).toBeLessThan(large / 2);
});
