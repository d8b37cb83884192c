/**
 * Golden screens: what the terminal emulator shows at three sizes, from the synthetic session of `test/ui/fixtures`
 * (nothing in it was measured). `vitest run -u test/screen/golden.test.ts` writes them anew; look at the difference.
 */
import { describe, expect, test, vi } from 'vitest';
import { textWidth } from '../../src/lib/width.ts';
import { demoTabs } from './demo.ts';
import { demoScreens } from './demo-screen.ts';

vi.stubEnv('TZ', 'UTC');

const start = demoScreens();

const screens: readonly [
	name: string,
	tab: string,
	keys: string | string[],
	ready: RegExp,
	env?: Record<string, string>,
][] = [
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
	['lens', 'energy', 'j\r', /Where its time goes/],
	['lens-past', 'energy', ['j\r', '[[', 'G'], /PAUSED[\s\S]*back|-2s/],
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
	['profile', 'overview', 'p', /on-cpu/],
	['profile-selected', 'overview', 'pjjjjjjjjj', /ExecSeqScan/],
	['profile-zoomed', 'overview', 'pjjjjjjjjj\r', /Profile ›/],
	['profile-functions', 'overview', 'pv', /heap_getnext/],
	['profile-stacks', 'overview', 'pvvj', /heap_getnext|1\/6/],
	['profile-filter', 'overview', 'p/sort\r', /on-cpu/],
	['help', 'io', '?', /Help/],
	['columns', 'io', 'c', /\[x\]/],
	['filter-error', 'io', '/p99 > 5x', /unknown unit/],
	['filter-ignored', 'io', '/vda and watts > 5W\r', /vda/],
];

/** A tab of the program changes the line of the tabs on every screen: it stands in these. */
const withTabs = ['overview', 'lens-past'];

/** The tabs as they stand in their line: every digit, and titles as far as there is room. */
const tabs = new RegExp(
	`^${demoTabs
		.filter(({ tracer }) => !tracer.apart)
		.map(({ tracer: { title } }, digit) => ` {1,2}${digit}(?: ${title})? `)
		.join('')}`,
);

/** Narrow screens have no line of tabs. What is said about the figures stays where it is. */
function maskTabs(text: string, rows: number): string {
	if (rows < 16) return text;
	const lines = text.split('\n');
	expect(lines[1]).toMatch(tabs);
	lines[1] = lines[1]?.replace(tabs, (found) => '  (tabs)'.padEnd(found.length)) ?? '';
	return lines.join('\n');
}

describe.each([
	[80, 24],
	[40, 10],
	[200, 50],
])('%i×%i', (columns, rows) => {
	test.each(screens)('%s', async (name, tab, keys, ready, more = {}) => {
		const env = { DEMO_HOLD: '1', DEMO_PAST: '60', DEMO_TAB: tab, ...more };
		const run = start({ columns, rows, env });
		await run.waitFor(
			{ runqlat: /postgres/, energy: /postgres/, irq: /NET_RX/, overview: /PID|no process/, receive: /eth0/ }[tab] ??
				/vda/,
		);
		await run.settled();
		for (const some of [keys].flat()) {
			run.send(some);
			await run.settled();
		}
		await run.waitFor(ready);
		await run.settled();
		// blanks at the end of a line are there or not as it was cheaper to draw
		const text = run.text().replace(/ +$/gm, '');
		for (const line of text.split('\n')) expect(textWidth(line)).toBeLessThanOrEqual(columns);
		const golden = withTabs.includes(name) ? text : maskTabs(text, rows);
		await expect(`${golden}\n`).toMatchFileSnapshot(`golden/${name}-${columns}x${rows}.txt`);
	});
});
