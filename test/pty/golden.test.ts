/**
 * Golden screens: what the terminal emulator shows at three sizes, from the synthetic session of `test/ui/fixtures`
 * (nothing in it was measured). `vitest run -u test/pty/golden.test.ts` writes them anew; look at the difference.
 */
import { describe, expect, test } from 'vitest';
import { textWidth } from '../../src/lib/width.ts';
import { demo } from './runs.ts';
import type { TerminalRun } from './terminal.ts';

const { start } = demo();

/** Until two looks in a row are the same. */
async function settled(run: TerminalRun): Promise<string> {
	for (let before = ''; ; ) {
		await new Promise((resolve) => setTimeout(resolve, 250));
		const now = run.text();
		if (now === before) return now;
		before = now;
	}
}

const screens: readonly [name: string, tab: string, keys: string, ready: RegExp, env?: Record<string, string>][] = [
	['overview', 'overview', '', /vda/],
	['overview-quiet', 'overview', '', /nothing stands out/, { DEMO_EMPTY: 'energy,runqlat,irq,io' }],
	['overview-blind', 'overview', '', /not checked|nothing/, { DEMO_UNAVAILABLE: 'runqlat,irq,io', DEMO_ROWS: '9' }],
	['overview-finding', 'overview', 'A', /vda +read/],
	['runqlat', 'runqlat', '', /postgres/],
	['runqlat-selected', 'runqlat', 'jjj', /^3\/40|postgres/m],
	['runqlat-baseline', 'runqlat', '{b.', /▲|▼\d|WAIT/],
	['runqlat-detail', 'runqlat', 'j\r', /Run queue ›/],
	['runqlat-heat-map', 'runqlat', 'v', /≥0 │/],
	['runqlat-cpus', 'runqlat', 'vv', /SHARE/],
	['runqlat-past', 'runqlat', '{', /30s back|-30s/],
	['tree', 'energy', 'tttttt', /└ /],
	['tree-filter', 'energy', 'tttttt/prom\r', /└ prom/],
	['lens', 'energy', 'j\r', /before/],
	['lens-past', 'energy', 'j\r[[G', /PAUSED[\s\S]*back|-2s/],
	['irq', 'irq', '', /NET_RX/],
	['io', 'io', '', /vda/],
	['io-selected', 'io', 'jj', /vda/],
	['io-stage', 'io', 'j\x1b[D\x1b[D', /times of return/],
	['io-detail', 'io', 'jjj\r', /Disk IO › /],
	['io-slow', 'io', 'v', /TIME/],
	['io-slow-selected', 'io', 'vjjj', /TIME/],
	['io-waterfall', 'io', 'vjjj\r', /slow requests › /],
	['io-in-flight', 'io', 'vv', /▼AGE/],
	['io-help', 'io', '?\x1b[6~', /Help/],
	['runqlat-256-cpus', 'runqlat', '', /postgres/, { DEMO_CPUS: '256' }],
	['irq-256-cpus', 'irq', '', /NET_RX/, { DEMO_CPUS: '256' }],
	['irq-256-cpus-selected', 'irq', 'j', /time in the handler|NET_RX/, { DEMO_CPUS: '256' }],
	['io-256-cpus', 'io', '', /vda/, { DEMO_CPUS: '256' }],
	['irq-lateness', 'irq', 'v', /VECTOR/],
	['irq-lateness-256-cpus', 'irq', 'v', /VECTOR/, { DEMO_CPUS: '256' }],
	['irq-gap', 'irq', '', /NET_RX/, { DEMO_GAP: '45' }],
	['runqlat-gap', 'runqlat', 'v', /≥0 │/, { DEMO_GAP: '45' }],
	['receive', 'receive', '', /eth0/],
	['receive-selected', 'receive', 'jj', /eth0/],
	['receive-detail', 'receive', 'jj\r', /Received packets › /],
	['receive-help', 'receive', '?\x1b[6~', /Help/],
	['help', 'io', '?', /Help/],
	['columns', 'io', 'c', /\[x\]/],
	['filter-error', 'io', '/p99 > 5x', /unknown unit/],
	['filter-ignored', 'io', '/vda and watts > 5W\r', /vda/],
];

describe.each([
	[80, 24],
	[40, 10],
	[200, 50],
])('%i×%i', (columns, rows) => {
	test.each(screens)('%s', async (name, tab, keys, ready, more = {}) => {
		const env = { DEMO_HOLD: '1', DEMO_PAST: '60', DEMO_TAB: tab, TZ: 'UTC', ...more };
		const run = start({ columns, rows, env });
		await run.waitFor(
			{ runqlat: /postgres/, energy: /postgres/, irq: /NET_RX/, overview: /PID|no process/, receive: /eth0/ }[tab] ??
				/vda/,
		);
		await settled(run);
		run.send(keys);
		await run.waitFor(ready);
		// blanks at the end of a line are there or not as it was cheaper to draw
		const text = (await settled(run)).replace(/ +$/gm, '');
		for (const line of text.split('\n')) expect(textWidth(line)).toBeLessThanOrEqual(columns);
		await expect(`${text}\n`).toMatchFileSnapshot(`golden/${name}-${columns}x${rows}.txt`);
	});
});
