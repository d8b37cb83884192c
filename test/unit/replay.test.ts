/** What replays of BPF programs rely on: undefined behaviour in C fails a test, and says at which event. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compile, replay } from './replay.ts';

const folder = mkdtempSync(join(tmpdir(), 'wattlag-replay-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A kind of undefined behaviour for each number that it reads; 0: none. */
const source = `
int scanf(const char *, ...);
int puts(const char *);
static int table[4];
int main(void)
{
	int kind, one;
	while (scanf("%d", &kind) == 1) {
		one = kind ? kind : 1;
		if (kind == 1)
			one = 0x7fffffff + kind;
		if (kind == 2)
			one = 1 << (kind + 40);
		if (kind == 3)
			one = table[kind + 1];
		if (kind == 4)
			one = kind / (kind - 4);
		table[one & 3] = one;
	}
	return puts("done") < 0;
}
`;

describe('undefined behaviour', () => {
	let driver = '';
	beforeAll(() => {
		const path = join(folder, 'undefined.c');
		writeFileSync(path, source);
		driver = compile(path, join(folder, 'undefined'));
	});

	test('there is none: the output', () => {
		expect(replay(driver, ['0', '0'])).toBe('done\n');
	});

	test.each([
		['a sum of signed numbers that overflows', '1'],
		['a shift that is too wide', '2'],
		['an index past the end', '3'],
		['a division by zero', '4'],
	])('%s', (_, event) => {
		const events = ['0', '0', '0', event, '0', '0'];
		expect(() => replay(driver, events)).toThrow(
			new RegExp(`undefined behaviour in C \\(SIG(ILL|TRAP)\\) at event 4: ${event}$`),
		);
	});
});
