/** The built program on the running kernel when its terminal misbehaves: the terminal is given back, and sampling goes on. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, vi } from 'vitest';
import { expectUnloaded, programsOf } from './bpf-programs.ts';
import { test as inPty } from './runs.ts';
import type { TerminalRun, TerminalRunOptions } from './terminal.ts';

/** Of the program that is said to sample all along, s. */
const INTERVAL = 0.5;

const test = inPty.extend<{
	/** The program, once it shows figures. */
	start: (options?: TerminalRunOptions) => Promise<TerminalRun>;
	/** With a tab that throws, and a signal that crashes it. */
	startSabotaged: () => Promise<TerminalRun>;
	/** The same under a shell, which has the terminal afterwards. */
	startUnderShell: () => Promise<{ run: TerminalRun; pid: number }>;
}>({
	start: ({ inTerminal }, use) =>
		use(async (options = {}) => {
			const run = inTerminal('bin/wattlag', ['--delay', `${INTERVAL}`], options);
			await run.waitFor(/PID .*WAIT99/);
			return run;
		}),
	startSabotaged: ({ inTerminal }, use) =>
		use(async () => {
			const [program, ...words] = preloaded('sabotage.ts');
			const run = inTerminal(program, [...words, '--delay', `${INTERVAL}`]);
			await run.waitFor(/PID .*WAIT99/);
			return run;
		}),
	startUnderShell: ({ inTerminal }, use) =>
		use(async () => {
			const run = inTerminal('/bin/bash', ['--norc', '--noprofile', '-i'], {
				columns: 200,
				rows: 50,
				env: { PS1: 'shell> ', program: preloaded('sabotage.ts').join(' ') },
			});
			await run.waitFor('shell>');
			await run.press('$program --mouse\r', /PID .*WAIT99/);
			const children = readFileSync(`/proc/${run.pid}/task/${run.pid}/children`, 'utf8');
			return { run, pid: Number(children) };
		}),
});

/** The program with a module of the fixtures that is loaded first. */
function preloaded(module: string): [program: string, ...words: string[]] {
	const path = (name: string) => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));
	return [path('preloaded.sh'), path(module)];
}

/** Until the kernel takes nothing more of what the program draws. */
async function stall(run: TerminalRun): Promise<void> {
	run.stall();
	for (let i = 0; i < 100; i++) {
		run.send('\x0c');
		if (i % 10 === 0) await setTimeout(20);
	}
}

/**
 * Three intervals back are about as many intervals of time: none is missing, whatever was on the screen. There is time
 * for some that come late on a busy machine; a pause in sampling that a test would make is longer.
 */
async function expectSampledAllAlong(run: TerminalRun): Promise<void> {
	const deadline = Date.now() + 40_000;
	for (;;) {
		await run.press('[[[', /PAUSED [\d:]+, .*s back|nothing older is kept/);
		await setTimeout(100);
		if (!run.text().includes('nothing older is kept') || Date.now() > deadline) break;
		// not so many yet
		await run.press('.', (it) => !it.text().includes('PAUSED'));
		await intervals(1);
	}
	await run.waitFor(/PAUSED [\d:]+, [1-3]s back/);
	await run.press('.', (it) => !it.text().includes('PAUSED'));
}

/** As long as it takes to have so many snapshots, or to miss them. */
const intervals = (count: number): Promise<void> => setTimeout(count * INTERVAL * 1000);

async function expectRestored(run: TerminalRun, code: number): Promise<void> {
	expect(await run.ended()).toEqual({ code, signal: 0 });
	expect(run.fullScreen).toBe(false);
	expect(run.cursorShown).toBe(true);
}

test.concurrent('a terminal that reads nothing for a while: sampled all along, one fresh frame after', async ({
	start,
}) => {
	const run = await start({ columns: 200, rows: 50 });
	await stall(run);
	// longer than what three intervals may take at most
	await setTimeout(5500);
	run.unstall();
	await expectSampledAllAlong(run);
	run.send('q');
	await expectRestored(run, 0);
});

/** Its programs may be gone a moment before the process is. */
async function expectGone(pid: number): Promise<void> {
	await vi.waitFor(() => expect(existsSync(`/proc/${pid}/exe`)).toBe(false), 30_000);
}

test.concurrent.for([
	['SIGTERM', 143],
	['SIGHUP', 129],
	['SIGINT', 130],
	['q', 0],
	['SIGUSR2', 1],
] as const)(
	'%s meanwhile: it ends, its programs leave the kernel, and the terminal is restored',
	async ([how, code], { startUnderShell }) => {
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
		expect(run.text()).toMatch(/^shell> (\$program|echo)/);
		expect(run.text()).not.toMatch(/WAIT99|PSI/);
		expect(run.output.includes('wattlag: unexpected error: sabotaged')).toBe(how === 'SIGUSR2');
	},
);

// a bug of ours, V8's own end, a limit of the shell, Node's debugger
test.concurrent.for([
	['SIGSEGV', 139, true],
	['SIGABRT', 134, true],
	['SIGXCPU', 152, false],
	['SIGUSR1', 138, false],
] as const)(
	'%s: the shell gets the terminal as it was, and the status of a crash',
	async ([how, code, crash], { startUnderShell }) => {
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
	},
);

test.concurrent('the line is cut: it ends by itself, and its programs leave the kernel', async ({ start }) => {
	const run = await start();
	const programs = programsOf(run.pid);
	run.hangUp();
	await expectUnloaded(programs);
	await expectGone(run.pid);
});

test.concurrent('killed: its programs leave the kernel', async ({ start }) => {
	const run = await start();
	const programs = programsOf(run.pid);
	run.signal('SIGKILL');
	await run.ended();
	await expectUnloaded(programs);
});

test.concurrent('a storm of sizes: sampled all along, and right at the last one', async ({ start }) => {
	const run = await start();
	await intervals(4);
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

test.concurrent('1×1, and a terminal that does not tell its size', async ({ start }) => {
	const run = await start();
	const tell = (columns: number, rows: number) =>
		execFileSync('stty', ['-F', `/proc/${run.pid}/fd/1`, 'cols', `${columns}`, 'rows', `${rows}`]);
	await intervals(4);
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

test.concurrent('a terminal that does not tell its size from the start', async ({ inTerminal }) => {
	const run = inTerminal('/bin/sh', ['-c', 'stty cols 0 rows 0; exec bin/wattlag']);
	await run.waitFor((it) => /PID .*WAIT99/.test(it.text()) && /Help/.test(it.screen()[23] ?? ''));
	run.send('q');
	await expectRestored(run, 0);
});

test.concurrent('a tab that throws says so in its place; the others go on, and all is sampled', async ({
	startSabotaged,
}) => {
	const run = await startSabotaged();
	await run.press('3', /this tab failed; the others work[\s\S]*sabotaged/);
	await intervals(5);
	await run.press('2', /\d+ waits/);
	await expectSampledAllAlong(run);
	run.send('q');
	await expectRestored(run, 0);
});

test.concurrent('a tracer that throws is said to be tried again in its tab, and comes back; one left out says so', async ({
	inTerminal,
}) => {
	const [program, ...words] = preloaded('break-read.ts');
	const run = inTerminal(program, [...words, '--delay', '0.25', '--tab', 'irq', '--without', 'receive']);
	await run.waitFor(/irq failed: sabotaged\s+next try in 10 s/);
	run.send('5');
	await run.waitFor(/left out by --without/);
	run.send('3');
	await run.waitFor(/in interrupts[\s\S]*local_timer/, 30_000);
	run.send('q');
	await expectRestored(run, 0);
});

test.concurrent('Ctrl-Z and fg: the shell gets the terminal, then figures go on', async ({ inTerminal }) => {
	const run = inTerminal('/bin/bash', ['--norc', '--noprofile', '-i'], { env: { PS1: 'shell> ' } });
	await run.waitFor('shell>');
	await run.press('bin/wattlag\r', /PID .*WAIT99/);
	await run.press('\x1a', (it) => !it.fullScreen && it.cursorShown && /Stopped/.test(it.text()));
	await run.press('fg\r', (it) => it.fullScreen && /PID .*WAIT99/.test(it.text()));
	await intervals(5);
	await expectSampledAllAlong(run);
	await run.press('q', (it) => !it.fullScreen);
	await run.press('echo code $?\r', 'code 0');
});
