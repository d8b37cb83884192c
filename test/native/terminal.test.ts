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

test('a file that is no terminal, or not open', () => {
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

/** A module whose `f` reads beyond its memory: V8 has the processor find out. */
const beyond = 'AGFzbQEAAAABBQFgAAF/AwIBAAUDAQABBwUBAWYAAAoNAQsAQYCA/P8HKAIACw==';

/** Last words are for crashes, not for a fault that JavaScript sees as an exception. */
const crashing = `
const native = require(${JSON.stringify(addonPath)});
process.stdin.setRawMode(true);
native.guardTerminal(1, Buffer.from('too early'));
const { exports } = new WebAssembly.Instance(new WebAssembly.Module(Buffer.from('${beyond}', 'base64')));
let faults = 0;
for (let i = 0; i < 3; i++) {
	try {
		exports.f();
	} catch (error) {
		if (error instanceof WebAssembly.RuntimeError) faults++;
	}
}
native.guardTerminal(1, new Uint8Array());
native.guardTerminal(1, Buffer.from('last words after ' + faults + ' faults\\r\\n'));
process.kill(process.pid, process.env.HOW);
setTimeout(() => {}, 60000);`;

test.each([
	['SIGSEGV', 139],
	['SIGBUS', 135],
	['SIGILL', 132],
	['SIGFPE', 136],
	['SIGABRT', 134],
])('%s: last words, modes as before, and its end is that signal', async (how, code) => {
	const env = { PS1: 'shell> ', NODE: process.execPath, SCRIPT: crashing, HOW: how };
	const run = new TerminalRun('/bin/bash', ['--norc', '--noprofile', '-i'], { env });
	cleanUp.push(() => run.kill());
	await run.waitFor('shell>');
	run.send('"$NODE" -e "$SCRIPT"; echo "code $?, $(stty -a | grep -ow -e -icanon -e icanon)"\r');
	await run.waitFor(`code ${code}, icanon`);
	expect(run.text()).toContain('last words after 3 faults');
	expect(run.text()).not.toContain('too early');
});

test('last words may be short only', () => {
	expect(thrown(() => addon().guardTerminal(1, new Uint8Array(513))).message).toBe(
		'guardTerminal: text: more than 512 bytes',
	);
});
