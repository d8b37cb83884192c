/** The screen on fixture snapshots, from keys to the cells of a terminal. */
import { describe, expect, test } from 'vitest';
import { FleetSampler } from '../../src/fleet/fleet-sampler.ts';
import { emptyRow } from '../../src/fleet/rows.ts';
import { fleetTracer } from '../../src/fleet/tracer.ts';
import { safe, sanitize } from '../../src/lib/sanitize.ts';
import { nothingFollows } from '../../src/recording/open.ts';
import type { TabEntry } from '../../src/ui/tab.ts';
import { fleetTab } from '../../src/ui/tabs/fleet/tab.ts';
import { FixtureSampler } from '../ui/fixtures/sampler.ts';
import { type DemoScreen, demoScreens } from './demo-screen.ts';

const start = demoScreens();

function expectFits(run: DemoScreen, columns: number): void {
	for (const line of run.screen()) expect(line.length).toBeLessThanOrEqual(columns);
}

describe('tabs', () => {
	test('tabs by digit, Tab and Shift-Tab', async () => {
		const run = start();
		await run.waitFor('▼WATTS');
		await run.press('2', /│█+.*p50/);
		await run.press('3', 'NET_RX');
		await run.press('\t', 'vda');
		await run.press('\t', 'eth0');
		await run.press('\t', 'SOCKET_RCVBUFF');
		await run.press('\t', '▼WATTS');
		await run.press('\x1b[Z', 'SOCKET_RCVBUFF');
	});

	test('a chart is drawn with the past', async () => {
		const run = start({ rows: 40, env: { DEMO_PAST: '60' } });
		await run.waitFor(/[⠁-⣿]{8}/);
	});

	test('an unavailable tab gives reason and fix, an empty one reports that it is empty', async () => {
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

describe('where nothing is measured', () => {
	test('keys that measure report that this is a recording; it keeps its groups', async () => {
		const fixture = new FixtureSampler({ attachMs: 0, rows: 40, past: 5 });
		const sampler = { ...nothingFollows(() => fixture.close()), subscribe: fixture.subscribe.bind(fixture) };
		const run = start({ live: { sampler } });
		await run.waitFor('▼WATTS');
		await run.press('p', 'nothing is measured here: this is a recording');
		await run.press('t', 'a recording has the rows that were recorded: by process');
	});

	test('a fleet is no recording: its hosts are grouped by their labels', async () => {
		const rows = ['a', 'b', 'c'].map((name) => ({
			...emptyRow(sanitize(`host-${name}`)),
			labels: { rack: name === 'c' ? safe`south` : safe`north` },
		}));
		const sampler = new FleetSampler({
			source: { rows: async () => rows, close: () => {} },
			engine: 'e',
			peers: 'job',
			delay: 3600,
		});
		const registry = [{ tracer: fleetTracer(['rack']), tab: async () => fleetTab }] as unknown as TabEntry[];
		const run = start({ env: { DEMO_TAB: 'fleet' }, live: { registry, sampler } });
		await run.waitFor('host-a');
		await run.press('t', (it) => /^\s*north/m.test(it.text()) && !it.text().includes('host-a'));
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
			await run.settled();
			// else the next key would come so soon that the two are one
			if (key === '\x1b') await run.waitFor((it) => !it.text().includes('Esc'));
			expectFits(run, columns);
			expect(run.screen()).toHaveLength(rows);
		}
		await run.waitFor('postgres');
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
