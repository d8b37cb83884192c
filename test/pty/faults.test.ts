/** The built program on the running kernel when its terminal misbehaves: the terminal is given back, and sampling goes on. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test, vi } from 'vitest';
import { expectUnloaded, programsOf } from './bpf-programs.ts';
import { TerminalRun, type TerminalRunOptions } from './terminal.ts';

const runs: TerminalRun[] = [];
afterEach(async () => {
	for (const run of runs.splice(0)) await run.kill();
});

async function start(options: TerminalRunOptions = {}): Promise<TerminalRun> {
	const run = new TerminalRun('bin/wattlag', [], options);
	runs.push(run);
	await run.waitFor(/PID .*WAIT99/);
	return run;
}

/** The program with a tab that throws, and a signal that crashes it. */
const sabotaged = { NODE_OPTIONS: `--import ${fileURLToPath(new URL('fixtures/sabotage.ts', import.meta.url))}` };

/** Until the kernel takes nothing more of what the program draws. */
async function stall(run: TerminalRun): Promise<void> {
	run.stall();
	for (let i = 0; i < 100; i++) {
		run.send('\x0c');
		if (i % 10 === 0) await setTimeout(20);
	}
}

/** Three intervals back are about as many seconds: none is missing, whatever was on the screen. */
async function expectSampledAllAlong(run: TerminalRun): Promise<void> {
	await run.press('[[[', /PAUSED [\d:]+, [3-5](\.\d)?s back/);
	await run.press('.', (it) => !it.text().includes('PAUSED'));
}

async function expectRestored(run: TerminalRun, code: number): Promise<void> {
	expect(await run.ended()).toEqual({ code, signal: 0 });
	expect(run.fullScreen).toBe(false);
	expect(run.cursorShown).toBe(true);
}

test('a terminal that reads nothing for a while: sampled all along, one fresh frame after', async () => {
	const run = await start({ columns: 200, rows: 50 });
	await setTimeout(2000);
	await stall(run);
	await setTimeout(8000);
	run.unstall();
	await expectSampledAllAlong(run);
	run.send('q');
	await expectRestored(run, 0);
});

/** Its programs may be gone a moment before the process is. */
async function expectGone(pid: number): Promise<void> {
	await vi.waitFor(() => expect(existsSync(`/proc/${pid}/exe`)).toBe(false), 5000);
}

/** wattlag under a shell, which has the terminal afterwards. */
async function startUnderShell(): Promise<{ run: TerminalRun; pid: number }> {
	const run = new TerminalRun('/bin/bash', ['--norc', '--noprofile', '-i'], {
		columns: 200,
		rows: 50,
		env: { PS1: 'shell> ', ...sabotaged },
	});
	runs.push(run);
	await run.waitFor('shell>');
	await run.press('bin/wattlag --mouse\r', /PID .*WAIT99/);
	const children = readFileSync(`/proc/${run.pid}/task/${run.pid}/children`, 'utf8');
	return { run, pid: Number(children) };
}

test.each([
	['SIGTERM', 143],
	['SIGHUP', 129],
	['SIGINT', 130],
	['q', 0],
	['SIGUSR2', 1],
] as const)('%s meanwhile: it ends, its programs leave the kernel, and the terminal is restored', async (how, code) => {
	const { run, pid } = await startUnderShell();
	const programs = programsOf(pid);
	expect(run.modes).toMatchObject({ mouse: 'vt200', autowrap: false });
	await stall(run);
	if (how === 'q') run.send('q');
	else process.kill(pid, how);
	await expectUnloaded(programs);
	await expectGone(pid);
	run.unstall();
	await run.press('echo "code $?"\r', `code ${code}`);
	expect(run.fullScreen).toBe(false);
	expect(run.cursorShown).toBe(true);
	expect(run.modes).toEqual({ mouse: 'none', autowrap: true, synchronized: false });
	// nothing of a frame got onto the shell's screen, which it clears when a ^L was left for it
	expect(run.text()).toMatch(/^shell> (bin\/wattlag|echo)/);
	expect(run.text()).not.toMatch(/WAIT99|PSI/);
	expect(run.output.includes('wattlag: unexpected error: sabotaged')).toBe(how === 'SIGUSR2');
});

// a bug of ours, V8's own end, a limit of the shell, Node's debugger
test.each([
	['SIGSEGV', 139, true],
	['SIGABRT', 134, true],
	['SIGXCPU', 152, false],
	['SIGUSR1', 138, false],
] as const)('%s: the shell gets the terminal as it was, and is told of a crash', async (how, code, crash) => {
	const { run, pid } = await startUnderShell();
	const programs = programsOf(pid);
	process.kill(pid, how);
	await expectUnloaded(programs);
	run.send('echo "code $?, $(stty -a | grep -ow -e -icanon -e icanon -e -echo -e echo | xargs)"\r');
	await run.waitFor(`code ${code}, icanon echo`);
	expect(run.fullScreen).toBe(false);
	expect(run.cursorShown).toBe(true);
	expect(run.modes).toEqual({ mouse: 'none', autowrap: true, synchronized: false });
	expect(run.text()).not.toMatch(/WAIT99|PSI/);
	expect(run.text().includes('wattlag: crashed')).toBe(crash);
});

test('the line is cut: it ends by itself, and its programs leave the kernel', async () => {
	const run = await start();
	const programs = programsOf(run.pid);
	run.hangUp();
	await expectUnloaded(programs);
	await expectGone(run.pid);
});

test('killed: its programs leave the kernel', async () => {
	const run = await start();
	const programs = programsOf(run.pid);
	run.signal('SIGKILL');
	await run.ended();
	await expectUnloaded(programs);
});

test('a storm of sizes: sampled all along, and right at the last one', async () => {
	const run = await start();
	await setTimeout(3000);
	for (let i = 0; i < 100; i++) {
		run.resize(1 + ((i * 37) % 200), 1 + ((i * 13) % 50));
		await setTimeout(10);
	}
	run.resize(100, 30);
	await run.waitFor((it) => /Help/.test(it.screen()[29] ?? '') && /PID .*WAIT99/.test(it.text()));
	await expectSampledAllAlong(run);
	run.send('q');
	await expectRestored(run, 0);
});

test('1×1, and a terminal that does not tell its size', async () => {
	const run = await start();
	const tell = (columns: number, rows: number) =>
		execFileSync('stty', ['-F', `/proc/${run.pid}/fd/1`, 'cols', `${columns}`, 'rows', `${rows}`]);
	await setTimeout(3000);
	run.resize(1, 1);
	await run.waitFor((it) => it.text() === 'w');
	run.resize(19, 3);
	await run.waitFor((it) => it.text() === 'wattlag\n19x3\ntoo small');
	run.resize(80, 24);
	await run.waitFor(/PID .*WAIT99/);
	// draws for 80×24, as curses does
	tell(0, 0);
	await run.press('1', (it) => /PID +▼?WATTS/.test(it.text()) && /Help/.test(it.screen()[23] ?? ''));
	await expectSampledAllAlong(run);
	run.send('q');
	await expectRestored(run, 0);
});

test('a terminal that does not tell its size from the start', async () => {
	const run = new TerminalRun('/bin/sh', ['-c', 'stty cols 0 rows 0; exec bin/wattlag']);
	runs.push(run);
	await run.waitFor((it) => /PID .*WAIT99/.test(it.text()) && /Help/.test(it.screen()[23] ?? ''));
	run.send('q');
	await expectRestored(run, 0);
});

test('a tab that throws says so in its place; the others go on, and all is sampled', async () => {
	const run = await start({ env: sabotaged });
	await run.press('3', /this tab failed; the others work[\s\S]*sabotaged/);
	await setTimeout(5000);
	await run.press('2', /\d+ waits/);
	await expectSampledAllAlong(run);
	run.send('q');
	await expectRestored(run, 0);
});

test('a tracer that throws is said to be tried again in its tab, and comes back; one left out says so', async () => {
	const preload = fileURLToPath(new URL('fixtures/break-read.ts', import.meta.url));
	const run = new TerminalRun('bin/wattlag', ['--tab', 'irq', '--without', 'receive'], {
		env: { NODE_OPTIONS: `--import ${preload}` },
	});
	runs.push(run);
	await run.waitFor(/irq failed: sabotaged\s+next try in 10 s/);
	run.send('5');
	await run.waitFor(/left out by --without/);
	run.send('3');
	await run.waitFor(/in interrupts[\s\S]*local_timer/, 30_000);
	run.send('q');
	await expectRestored(run, 0);
});

test('Ctrl-Z and fg: the shell gets the terminal, then figures go on', async () => {
	const run = new TerminalRun('/bin/bash', ['--norc', '--noprofile', '-i'], { env: { PS1: 'shell> ' } });
	runs.push(run);
	await run.waitFor('shell>');
	await run.press('bin/wattlag\r', /PID .*WAIT99/);
	await run.press('\x1a', (it) => !it.fullScreen && it.cursorShown && /Stopped/.test(it.text()));
	await run.press('fg\r', (it) => it.fullScreen && /PID .*WAIT99/.test(it.text()));
	await setTimeout(5000);
	await expectSampledAllAlong(run);
	await run.press('q', (it) => !it.fullScreen);
	await run.press('echo code $?\r', 'code 0');
});
