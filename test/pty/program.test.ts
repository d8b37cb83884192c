/** The built program in a real terminal on the running kernel. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { expectUnloaded, programsOf } from './bpf-programs.ts';
import { test as inPty } from './runs.ts';
import type { TerminalRun, TerminalRunOptions } from './terminal.ts';

const folder = mkdtempSync(join(tmpdir(), 'wattlag-test-'));
/** Sets the title, clears the screen and rings, if it reaches a terminal. */
const hostileName = '\x1b]0;pwned\x07\x1b[2J';
let hog: ChildProcess;

beforeAll(() => {
	// a process is named after its file; 15 bytes of it
	const hostile = join(folder, hostileName);
	copyFileSync('/bin/dash', hostile);
	hog = spawn(hostile, ['-c', 'while :; do :; done'], { stdio: 'ignore' });
});

afterAll(() => {
	hog.kill('SIGKILL');
	rmSync(folder, { recursive: true });
});

const test = inPty.extend<{ start: (args?: string[], options?: TerminalRunOptions) => TerminalRun }>({
	start: ({ inTerminal }, use) => use((args = [], options = {}) => inTerminal('bin/wattlag', args, options)),
});

test.concurrent.for([
	[80, 24],
	[200, 50],
] as const)('all tabs show live numbers at %i×%i', async ([columns, rows], { start }) => {
	const run = start([], { columns, rows });
	await run.waitFor(/Overview.*Energy.*Run queue.*Interrupts.*Disk IO/);
	// it opens on the overview, which needs all the others
	await run.waitFor(/\d% [\s\S]*PSI[\s\S]*PID .*WATTS .*WAIT99/);
	expect(readFileSync(`/proc/${run.pid}/comm`, 'utf8')).toBe('wattlag\n');
	await run.press('1', /\dm?W = processes/);
	await run.waitFor(/PID .*WATTS/);
	await run.press('2', /\d+ waits/);
	await run.press('3', /local_timer|TIMER|SCHED/);
	run.send('4');
	execFileSync('dd', ['if=/dev/zero', `of=${join(folder, 'data')}`, 'bs=64k', 'count=64', 'oflag=direct'], {
		stdio: 'ignore',
	});
	await run.waitFor(/write/);
	run.send('q');
	expect(await run.ended()).toEqual({ code: 0, signal: 0 });
	expect(run.fullScreen).toBe(false);
	expect(run.cursorShown).toBe(true);
});

test.concurrent('packets are followed from the moment their tab is opened, and not before', async ({ start }) => {
	const run = start(['--tab', 'energy']);
	await run.waitFor(/\dm?W = processes/);
	const others = programsOf(run.pid);
	await run.press('4', /in flight/);
	expect(programsOf(run.pid)).toEqual(others);
	await run.press('5', /by protocol/);
	await run.waitFor(/time from driver to process|no packet was received/);
	expect(programsOf(run.pid).length).toBeGreaterThan(others.length);
	run.send('q');
	await run.ended();
});

test.concurrent('a process renamed to an escape sequence is shown inert', async ({ start }) => {
	const run = start();
	await run.waitFor('^[]0;pwned^G^[');
	await run.press('2', /\d+ waits/);
	run.send('q');
	await run.ended();
	expect(run.output).not.toContain('\x1b]');
	expect(run.output).not.toContain('\x07');
});

test.concurrent.for([
	['SIGTERM', 143],
	['SIGHUP', 129],
	['SIGINT', 130],
] as const)('%s restores the terminal and takes the probes away', async ([signal, code], { start }) => {
	const run = start();
	await run.waitFor(/PID .*WAIT99/);
	const programs = programsOf(run.pid);
	process.kill(run.pid, signal);
	expect(await run.ended()).toEqual({ code, signal: 0 });
	expect(run.fullScreen).toBe(false);
	expect(run.cursorShown).toBe(true);
	await expectUnloaded(programs);
});

test.concurrent('without BPF rights the overview has what there is, the energy tab counts from /proc, and every tab says what is missing and how to get it', async ({
	inTerminal,
}) => {
	const run = inTerminal('setpriv', ['--bounding-set', '-all', '--inh-caps', '-all', '--', 'bin/wattlag']);
	await run.waitFor(/PID .*WAIT99[\s\S]*% +– +– +–/);
	await run.press('1', /proc: watts[\s\S]*CAP_BPF[\s\S]*root/);
	await run.press('3', /CAP_BPF/);
	run.send('q');
	expect((await run.ended()).code).toBe(0);
});

test('standard output that is no terminal: batch mode is suggested', () => {
	expect(() => execFileSync('bin/wattlag', { stdio: ['ignore', 'pipe', 'pipe'] })).toThrow(/--batch/);
});

test.concurrent.for<[args: string[], instead: string]>([
	[[], 'wattlag --batch'],
	[['replay', 'recording.gz'], 'wattlag export PATH'],
])('a terminal that can do nothing is left alone: wattlag %s', async ([args, instead], { start }) => {
	const run = start(args, { env: { TERM: 'dumb' } });
	expect(await run.ended()).toEqual({ code: 2, signal: 0 });
	expect(run.output.trim()).toBe(`wattlag: this terminal cannot show a full screen (TERM=dumb); use ${instead}`);
});

test.concurrent('the lens of a process with a hostile name and command line: inert, threads and culprits', async ({
	start,
}) => {
	const run = start(['--tab', 'runqlat'], { columns: 120, rows: 45 });
	await run.waitFor(/\d+ waits/);
	await run.press('\\pwned\r', /^\d+\/\d+ /m);
	await run.press('\r', /Run queue › \^\[\]0;pwned\^G\^\[\[2J\[\d+\]/);
	await run.waitFor('-c while :; do :; done');
	await run.waitFor(/SHARE +WAIT +TURNS +RAN MEANWHILE/);
	await run.press('G', /TID +CPU +WATTS +WAITS +WAIT +P99 +THREAD/);
	expect(run.output).not.toContain('\x1b]0;');
	await run.press('\x1b', /▼WAIT/);
});

test.concurrent('what w writes is what replay shows, without a program in the kernel', async ({ start }) => {
	const run = start(['--tab', 'energy'], { columns: 160, env: { XDG_STATE_HOME: folder } });
	await run.waitFor(/\dm?W = processes/);
	await run.waitFor('pwned');
	// made of the others, it comes last in a tick
	await run.press('0', 'WAIT99');
	await run.press('w', /written: \S+\.gz/);
	const shown = /written: (\S+\.gz)/.exec(run.text())?.[1] as string;
	const path = join(folder, 'wattlag', basename(shown));
	run.send('q');
	await run.ended();
	const again = start(['replay', path], { columns: 160 });
	await again.waitFor(/\(recording\)[\s\S]*PAUSED[\s\S]*PID/);
	again.send('1');
	await again.waitFor(/\dm?W = processes/);
	expect(programsOf(again.pid)).toEqual([]);
	again.send('\\pwned\r');
	await again.waitFor(/^\d+\/\d+ /m);
	again.send('\r');
	await again.waitFor(/Energy › \^\[\]0;pwned/);
	await again.waitFor(/Run queue .*waiting/);
	expect(again.output).not.toContain('\x1b]0;');
});

test.concurrent('a host that takes its time for its list of captures is left by Ctrl-C', async ({ start }) => {
	const ssh = join(folder, 'ssh');
	writeFileSync(ssh, '#!/bin/sh\nexec sleep 100\n', { mode: 0o700 });
	const run = start(['fleet', '--browse', 'db1', '--ssh', ssh]);
	await run.waitFor('captures of db1');
	run.send('\x03');
	await run.ended();
});
