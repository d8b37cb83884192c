/** The screen in a real terminal, on fixture snapshots. What the built program does is tested elsewhere. */
import fs from 'node:fs';
import { describe, expect, test } from 'vitest';
import { demo, terminalRuns } from './runs.ts';
import type { TerminalRun } from './terminal.ts';

const inTerminal = terminalRuns();
const { main, start } = demo(inTerminal);

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

describe('first frame and tabs', () => {
	test('says attaching before any figure has come, then shows the tab', async () => {
		const run = start({ env: { DEMO_ATTACH: '1500' } });
		await run.waitFor(/1 Energy .*2 Run queue .*3 Interrupts .*4 Disk IO/);
		expect(run.text()).toContain('attaching…');
		expect(run.fullScreen).toBe(true);
		expect(run.cursorShown).toBe(false);
		await run.waitFor('postgres');
		expect(run.text()).not.toContain('attaching…');
	});

	test('tabs by digit, Tab and Shift-Tab', async () => {
		const run = start();
		await run.waitFor('▼WATTS');
		await run.press('2', /│█+.*p50/);
		await run.press('3', 'NET_RX');
		await run.press('\t', 'vda');
		await run.press('\t', 'eth0');
		await run.press('\t', '▼WATTS');
		await run.press('\x1b[Z', 'eth0');
	});

	test('a chart is drawn with the past', async () => {
		const run = start({ rows: 40, env: { DEMO_PAST: '60' } });
		await run.waitFor(/[⠁-⣿]{8}/);
	});

	test('an unavailable tab gives reason and fix, an empty one says so', async () => {
		const run = start({ env: { DEMO_UNAVAILABLE: 'energy', DEMO_EMPTY: 'io' } });
		await run.waitFor('unavailable: cannot attach energy: needs CAP_BPF');
		expect(run.text()).toContain('sudo wattlag');
		await run.press('4', 'no disk traffic in this interval');
	});

	test('nothing foreign reaches the terminal as a control sequence', async () => {
		const run = start({ rows: 50 });
		await run.waitFor('evil^[]0;x^G');
		expect(run.output).not.toContain('\x1b]');
		expect(run.output).not.toContain('\x07');
	});
});

describe('keys', () => {
	test('sort column, reverse, menu', async () => {
		const run = start({ columns: 100 });
		await run.waitFor('▼WATTS');
		await run.press('<', '▲PID');
		await run.press('r', '▼PID');
		await run.press('>', '▼WATTS');
		await run.press('\x1b[17~', 'Sort by');
		await run.press('jj\r', '▼SHARE');
	});

	test('selection moves, follows its row, and opens the detail', async () => {
		const run = start({ env: { DEMO_PAST: '5' } });
		await run.waitFor('▼WATTS');
		await run.press('\x1b[B\x1b[B', /^2\/40/m);
		await run.press('G', /^40\/40/m);
		await run.press('\r', 'Energy › ');
		await run.press('\x1b', '▼WATTS');
		await run.press('\x1b', /^40 rows/m);
	});

	test('filter while typing; Esc clears; q is a letter meanwhile', async () => {
		const run = start();
		await run.waitFor('▼WATTS');
		await run.press('/', 'Enter keeps');
		await run.press('postq', 'no row matches');
		await run.press('\x7f', /^\/post /m);
		await run.waitFor((it) => !it.text().includes('java'));
		await run.press('\r', (it) => !it.text().includes('Enter keeps'));
		await run.press('\x1b', 'java');
	});

	test('help lists keys and columns, and scrolls', async () => {
		const run = start();
		await run.waitFor('▼WATTS');
		await run.press('?', 'Power that this process used');
		await run.press('G', 'powers of 1024');
		await run.press('\x1bOP', '▼WATTS');
	});

	test('pause holds the figures, and goes on', async () => {
		const run = start();
		await run.waitFor('▼WATTS');
		await run.press('++', '0.25s');
		await run.press(' ', 'PAUSED');
		const held = run.text();
		await new Promise((resolve) => setTimeout(resolve, 800));
		expect(run.text()).toBe(held);
		await run.press(' ', (it) => !it.text().includes('PAUSED') && it.text() !== held);
	});
});

describe('sizes', () => {
	test.each([
		[80, 24],
		[40, 10],
		[200, 50],
	])('%i×%i: nothing wraps on any tab', async (columns, rows) => {
		const run = start({ columns, rows, env: { DEMO_PAST: '30' } });
		await run.waitFor('postgres');
		for (const key of ['2', '3', '4', '?', '\x1b', 's', '\x1b', '1']) {
			run.send(key);
			await new Promise((resolve) => setTimeout(resolve, 150));
			// on a busy machine, the next key would come so soon that the two are one
			if (key === '\x1b') await run.waitFor((it) => !it.text().includes('Esc'));
			expectFits(run, columns);
			expect(run.screen()).toHaveLength(rows);
		}
		await run.waitFor('postgres');
	});

	test('1×1 and back', async () => {
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

	test('a storm of sizes ends at the last one', async () => {
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

	test('ASCII only where the locale or TERM asks for it', async () => {
		const run = start({ env: { LANG: 'C', DEMO_PAST: '30', DEMO_TAB: 'runqlat' } });
		await run.waitFor(/\|#+/);
		await run.press('1', 'postgres');
		expect(run.output).toMatch(/^[\x00-\x7f]*$/);
	});

	test('NO_COLOR leaves no colour', async () => {
		const run = start({ env: { NO_COLOR: '1' } });
		await run.waitFor('▼WATTS');
		expect(run.output).not.toMatch(/\x1b\[[0-9;]*\b(3[0-8]|4[0-8]|9[0-7])m/);
	});
});

describe('ends', () => {
	test.each([
		['q', 0],
		['\x03', 0],
		['\x1b[21~', 0],
	])('key %j', async (key, code) => {
		const run = start();
		await run.waitFor('postgres');
		run.send(key);
		await expectRestored(run, code);
	});

	test.each([
		['SIGTERM', 143],
		['SIGINT', 130],
		['SIGHUP', 129],
	] as const)('%s', async (signal, code) => {
		const run = start();
		await run.waitFor('postgres');
		run.signal(signal);
		await expectRestored(run, code);
	});

	test('a tab that throws shows it; the others work', async () => {
		const run = start({ env: { DEMO_THROW: 'runqlat' } });
		await run.waitFor('postgres');
		await run.press('2', 'this tab was made to fail');
		await run.press('3', 'NET_RX');
		run.send('q');
		await expectRestored(run, 0);
	});

	test('an exception nobody caught: terminal first, then the message, then 1', async () => {
		const run = start({ env: { DEMO_CRASH: '1500' } });
		await run.waitFor('postgres');
		await expectRestored(run, 1);
		expect(run.text()).toContain('wattlag: unexpected error: uncaught on purpose');
	});

	test('Ctrl-Z gives the terminal back and fg takes it again', async () => {
		const run = inTerminal('/bin/bash', ['--norc', '--noprofile', '-i'], { env: { PS1: 'shell> ' } });
		await run.waitFor('shell>');
		await run.press(`${process.execPath} ${main}\r`, 'postgres');
		await run.press('\x1a', (it) => !it.fullScreen && /Stopped/.test(it.text()));
		await run.press('fg\r', (it) => it.fullScreen && /postgres/.test(it.text()));
		await run.press('3', 'NET_RX');
		await run.press('q', (it) => !it.fullScreen);
		await run.press('echo code $?\r', 'code 0');
	});

	test('SIGSTOP and SIGCONT: drawn anew', async () => {
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

	test('does not keep the program alive', async () => {
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

	test('gets one fresh frame when it reads again', async () => {
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
