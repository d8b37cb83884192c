/** The scheduler's priority of a process with several threads. */
import { execFileSync } from 'node:child_process';
import { getPriority } from 'node:os';
import { expect, test } from 'vitest';

test('every thread of the process goes before others, also those that were there', () => {
	const words = [
		`const { goBeforeOthers } = await import(${JSON.stringify(new URL('../../src/system/priority.ts', import.meta.url).href)});`,
		"const { readdirSync } = await import('node:fs');",
		"const { getPriority } = await import('node:os');",
		// its threads are there from now on
		"await (await import('node:fs/promises')).stat('/');",
		'goBeforeOthers(-3);',
		"console.log(readdirSync('/proc/self/task').map((thread) => getPriority(Number(thread))).join(' '));",
	];
	const options = ['--no-warnings', '--input-type=module', '-e', words.join('\n')];
	const values = execFileSync(process.execPath, options, { encoding: 'utf8' }).trim().split(' ').map(Number);
	expect(values.length).toBeGreaterThan(2);
	// a value that was chosen stays, and without the right all do
	const own = getPriority();
	const expected = own === 0 && process.geteuid?.() === 0 ? -3 : own;
	expect(new Set(values)).toEqual(new Set([expected]));
});
