/** Command lines of processes: read within limits, and kept within limits. The tree is a FIXTURE. */
import { expect, test } from 'vitest';
import { sanitize } from '../../src/lib/sanitize.ts';
import { COMMAND_BYTES, CommandLines, programText } from '../../src/system/command-lines.ts';
import { makeTree } from './energy-fixtures.ts';

test('long lines of many processes are kept up to a number of characters, the newest ones', () => {
	const tree = makeTree();
	const lines = new CommandLines(tree.procRoot, 60_000, 65_536);
	const word = 'x'.repeat(COMMAND_BYTES - 1);
	const stat = `1 (a) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 100 0 0`;
	tree.set('proc/1/stat', stat);
	tree.set('proc/1/cmdline', `${word}\0`);
	const of = (start: number) => lines.of({ pid: 1, start }, sanitize('a'));
	lines.begin(60e9);
	// one process under many starts that are the same clock tick
	for (let start = 1e9; start < 1e9 + 40; start++) expect(of(start).length).toBeGreaterThan(4000);
	expect(lines.size).toBeLessThanOrEqual(65_536 / 4000);
	expect(lines.size).toBeGreaterThan(10);
	// the last one is still known
	tree.remove('proc/1/cmdline');
	expect(of(1e9 + 39).length).toBeGreaterThan(4000);
	expect(of(1e9)).toBe('');
});

test.each([
	[['/usr/bin/node', '--no-warnings', '/srv/app/server.js', '--port', '80'], 'node server.js'],
	[['next-server (v15)'], 'next-server (v15)'],
	[['node'], 'node'],
	[['node', '--require', '/x/hook.cjs', '--import', 'y', '/srv/server.js'], 'node server.js'],
	[['node', '--token', 'hunter2XYZ', 'x.js'], 'node ***'],
	[['node', `/srv/${'x'.repeat(100)}.js`], `node ${'x'.repeat(35)}`],
	[[], ''],
])('the program of %j', (args, program) => {
	expect(programText(Buffer.from(args.map((one) => `${one}\0`).join('')))).toBe(program);
});
