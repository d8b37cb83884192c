import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

/** Prints the resident memory at the end of a heap of 200 MB, and when it has been small for a while. */
const program = (garbage: string): string => `
	import { releaseHeapRegularly } from ${JSON.stringify(new URL('../../src/lib/heap-pages.ts', import.meta.url).href)};
	let after = 0;
	const options = { every: 20, looks: 5, much: 2 ** 25, part: 1, after: () => after++ };
	const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
	let all = Array.from({ length: 3_000_000 }, (_, n) => ({ n }));
	const end = releaseHeapRegularly(options);
	const large = process.memoryUsage.rss();
	${garbage}
	let small = large;
	for (let left = 200; left > 0 && small > large / 2; left--) {
		await wait(20);
		small = process.memoryUsage.rss();
	}
	end();
	console.log(JSON.stringify({ large, small, after }));
`;

test.each([
	['was collected, and keeps its pages', 'await wait(60); all = null; gc();'],
	['is garbage that nothing collects', 'all = null;'],
])('a heap that was large for a while and %s gives its memory back', async (_, garbage) => {
	const args = ['--no-warnings', '--expose-gc', '--input-type=module', '--eval', program(garbage)];
	const { stdout } = await promisify(execFile)(process.execPath, args);
	const { large, small, after } = JSON.parse(stdout) as Record<'large' | 'small' | 'after', number>;
	expect(large).toBeGreaterThan(150e6);
	expect(small).toBeLessThan(large / 2);
	expect(after).toBeGreaterThan(0);
});
