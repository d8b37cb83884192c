/** A process and its terminal, on fixture snapshots: its first frame, sizes, signals, its end. What it shows: test/screen. */
import fs from 'node:fs';
import { describe, expect } from 'vitest';
import { defaultBindings } from '../../src/options/keymap.ts';
import { demoProgram, test as inPty } from './runs.ts';
import type { TerminalRun, TerminalRunOptions } from './terminal.ts';

const suspendKeys = defaultBindings.find(({ command }) => command === 'suspend')?.keys ?? [];

const main = demoProgram();

const test = inPty.extend<{ start: (options?: TerminalRunOptions) => TerminalRun }>({
	start: ({ inTerminal }, use) => use((options) => inTerminal(process.execPath, [main], options)),
});

async function expectRestored(run: TerminalRun, code: number): Promise<void> {
	const status = await run.ended();
	expect(status).toEqual({ code, signal: 0 });
	expect(run.fullScreen).toBe(false);
	expect(run.cursorShown).toBe(true);
	expect(run.output).toContain('\x1b[?7h');
}

function expectFits(run: TerminalRun, columns: number): void {
	for (const line of run.screen()) expect(line.length).toBeLessThanOrEqual(columns);
}

describe.concurrent('first frame', () => {
	test('says attaching before any figure has come, then shows the tab', async ({ start }) => {
		const run = start({ env: { DEMO_ATTACH: '1500' } });
		await run.waitFor(/1 Energy .*2 Run queue .*3 Interrupts .*4 Disk IO/);
		expect(run.text()).toContain('attaching…');
		expect(run.fullScreen).toBe(true);
		expect(run.cursorShown).toBe(false);
		await run.waitFor('postgres');
		expect(run.text()).not.toContain('attaching…');
	});
});

describe.concurrent('sizes', () => {
	test('1×1 and back', async ({ start }) => {
		const run = start({ columns: 1, rows: 1 });
		await run.waitFor((it) => it.fullScreen);
		run.resize(80, 24);
		await run.waitFor('postgres');
		run.resize(1, 1);
		await new Promise((resolve) => setTimeout(resolve, 300));
		run.resize(80, 24);
		await run.waitFor('postgres');
		run.send('q');
		await expectRestored(run, 0);
	});

	test('a storm of sizes ends at the last one', async ({ start }) => {
		const run = start({ env: { DEMO_PAST: '10' } });
		await run.waitFor('postgres');
		for (let i = 0; i < 60; i++) {
			run.resize(40 + ((i * 37) % 120), 8 + ((i * 13) % 40));
			await new Promise((resolve) => setTimeout(resolve, 5));
		}
		run.resize(90, 30);
		await run.waitFor((it) => /Help/.test(it.screen()[29] ?? '') && /postgres/.test(it.text()));
		expectFits(run, 90);
	});
});

describe.concurrent('ends', () => {
	test.for([
		['q', 0],
		['\x03', 0],
		['\x1b[21~', 0],
	] as const)('key %j', async ([key, code], { start }) => {
		const run = start();
		await run.waitFor('postgres');
		run.send(key);
		await expectRestored(run, code);
	});

	test.for([
		['SIGTERM', 143],
		['SIGINT', 130],
		['SIGHUP', 129],
	] as const)('%s', async ([signal, code], { start }) => {
		const run = start();
		await run.waitFor('postgres');
		run.signal(signal);
		await expectRestored(run, code);
	});

	test('a tab that throws shows it; the others work', async ({ start }) => {
		const run = start({ env: { DEMO_THROW: 'runqlat' } });
		await run.waitFor('postgres');
		await run.press('2', 'this tab was made to fail');
		await run.press('3', 'NET_RX');
		run.send('q');
		await expectRestored(run, 0);
	});

	test('an uncaught exception: terminal first, then the message, then 1', async ({ start }) => {
		const run = start({ env: { DEMO_CRASH: '1500' } });
		await run.waitFor('postgres');
		await expectRestored(run, 1);
		expect(run.text()).toContain('wattlag: unexpected error: uncaught on purpose');
	});

	test('Ctrl-Z gives the terminal back and fg takes it again', async ({ inTerminal }) => {
		const run = inTerminal('/bin/bash', ['--norc', '--noprofile', '-i'], { env: { PS1: 'shell> ' } });
		await run.waitFor('shell>');
		await run.press(`${process.execPath} ${main}\r`, 'postgres');
		await run.press('\x1a', (it) => !it.fullScreen && /Stopped/.test(it.text()));
		await run.press('fg\r', (it) => it.fullScreen && /postgres/.test(it.text()));
		await run.press('3', 'NET_RX');
		await run.press('q', (it) => !it.fullScreen);
		await run.press('echo code $?\r', 'code 0');
	});

	test.for(suspendKeys)('%s where no shell would wake it: it goes on, drawn anew', async (key, { start }) => {
		expect(key).toMatch(/^Ctrl-[A-Z]$/);
		const run = start({ env: { DEMO_HOLD: '1' } });
		await run.waitFor('postgres');
		run.send(String.fromCharCode(key.charCodeAt(5) - 64));
		await run.waitFor((it) => it.output.split('\x1b[?1049h').length > 2 && it.fullScreen);
	});

	test('SIGSTOP and SIGCONT: drawn anew', async ({ start }) => {
		const run = start();
		await run.waitFor('postgres');
		run.signal('SIGSTOP');
		await new Promise((resolve) => setTimeout(resolve, 200));
		const before = run.output.length;
		run.signal('SIGCONT');
		await run.waitFor((it) => it.output.indexOf('\x1b[2J', before) >= 0 && /postgres/.test(it.text()));
		run.send('q');
		await expectRestored(run, 0);
	});
});

describe('a terminal that stops reading', () => {
	/** Redraw until the kernel takes nothing more. */
	async function fill(run: TerminalRun): Promise<void> {
		run.stall();
		for (let i = 0; i < 200; i++) {
			run.send('\x0c');
			if (i % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 20));
		}
	}

	test('does not keep the program alive', async ({ start }) => {
		const run = start({ columns: 200, rows: 50, env: { DEMO_PAST: '60' } });
		await run.waitFor('postgres');
		await fill(run);
		const asked = Date.now();
		run.signal('SIGTERM');
		while (
			fs.existsSync(`/proc/${run.pid}`) &&
			!/^State:\s+Z/m.test(fs.readFileSync(`/proc/${run.pid}/status`, 'utf8')) &&
			Date.now() - asked < 10_000
		) {
			await new Promise((resolve) => setTimeout(resolve, 20));
		}
		const took = Date.now() - asked;
		run.unstall();
		expect((await run.ended()).code).toBe(143);
		// The promise is one second; the margin is for a busy machine.
		expect(took).toBeLessThan(3000);
	});

	test('gets one fresh frame when it reads again', async ({ start }) => {
		const run = start({ columns: 200, rows: 50, env: { DEMO_PAST: '60' } });
		await run.waitFor('postgres');
		await fill(run);
		await new Promise((resolve) => setTimeout(resolve, 1500));
		run.send('3');
		await new Promise((resolve) => setTimeout(resolve, 200));
		run.unstall();
		await run.waitFor('NET_RX');
		expectFits(run, 200);
		run.send('q');
		await expectRestored(run, 0);
	});
});
