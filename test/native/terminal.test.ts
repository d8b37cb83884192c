import { existsSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { TerminalRun } from '../pty/terminal.ts';
import { addon, addonPath, thrown } from './support.ts';

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
	for (const undo of cleanUp.splice(0)) await undo();
});

test('what is no terminal, or not open', () => {
	const native = addon();
	expect(thrown(() => native.discardOutput(openSync('/dev/null', 'w')))).toMatchObject({
		code: 'ENOTTY',
		message: 'discardOutput: Inappropriate ioctl for device (ENOTTY)',
	});
	expect(thrown(() => native.discardOutput(2 ** 31 - 1)).code).toBe('EBADF');
});

/** Fills the terminal until it takes no more and discards that, twice, and says how much it took. */
const script = `
const fs = require('node:fs');
const fd = fs.openSync('/dev/tty', fs.constants.O_WRONLY | fs.constants.O_NONBLOCK);
const room = () => {
	let bytes = 0;
	try {
		for (;;) bytes += fs.writeSync(fd, 'x'.repeat(1000));
	} catch {
		return bytes;
	}
};
const first = room();
require(${JSON.stringify(addonPath)}).discardOutput(fd);
const second = room();
require(${JSON.stringify(addonPath)}).discardOutput(fd);
fs.writeSync(fd, '\\r\\nwrote ' + first + ', then ' + second + '\\r\\n');
fs.writeFileSync(process.env.DONE, '');`;

test.each([
	['in the foreground', ''],
	['beside a job that has the terminal: not stopped', '& cat'],
])('there is room again, %s', async (_, after) => {
	const folder = mkdtempSync(join(tmpdir(), 'wattlag-native-'));
	cleanUp.push(() => rmSync(folder, { recursive: true }));
	const done = join(folder, 'done');
	const run = new TerminalRun('/bin/bash', ['--norc', '--noprofile', '-i'], {
		env: { PS1: 'shell> ', NODE: process.execPath, SCRIPT: script, DONE: done },
	});
	cleanUp.push(() => run.kill());
	await run.waitFor('shell>');
	run.stall();
	run.send(`"$NODE" -e "$SCRIPT" ${after}\r`);
	await vi.waitFor(() => expect(existsSync(done)).toBe(true), 10_000);
	run.unstall();
	await run.waitFor(/wrote \d+, then \d+/);
	const [first, second] = (/wrote (\d+), then (\d+)/.exec(run.text())?.slice(1) ?? []).map(Number);
	expect(first).toBeGreaterThan(4096);
	expect(second).toBeGreaterThan(4096);
	expect(run.output.length).toBeLessThan(Number(first));
});
