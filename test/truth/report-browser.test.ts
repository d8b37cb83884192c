/** The report in a real Chromium: no script runs, nothing is fetched, hostile names stay text; the live page renews itself. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { runServe } from '../../src/commands/serve/run.ts';
import type { Sampler, SamplerEvent } from '../../src/core/sampler.ts';
import type { Snapshot } from '../../src/core/snapshot.ts';
import { ReportBuilder } from '../../src/export/report/model.ts';
import { reportPage } from '../../src/export/report/page.ts';
import { sanitize } from '../../src/lib/sanitize.ts';
import type { OverviewRow } from '../../src/tracers/overview/snapshot.ts';
import { hostile } from '../lib/hostile.ts';
import { energySnapshot } from '../ui/fixtures/energy.ts';
import { ioSnapshot } from '../ui/fixtures/io.ts';
import { irqSnapshot } from '../ui/fixtures/irq.ts';
import { overviewFixture } from '../ui/fixtures/overview.ts';
import { runqlatSnapshot } from '../ui/fixtures/runqlat.ts';
import { type Browser, startChromium } from './chromium.ts';
import { freePort, until } from './prometheus.ts';

const HOSTILE = '<img src=x onerror="document.title=\'pwned\'"></script><script>document.title="pwned"</script>';

const ends: (() => unknown)[] = [];
afterEach(async () => {
	for (const end of ends.splice(0).reverse()) await end();
});
let browser: Browser;
beforeAll(async () => {
	browser = await startChromium();
});
afterAll(() => browser.close());

function ticks(count: number): Snapshot[][] {
	const overview = overviewFixture();
	return Array.from({ length: count }, (_, at) => {
		const sources = [energySnapshot(at), runqlatSnapshot(at), irqSnapshot(at), ioSnapshot(at)] as unknown as Snapshot[];
		const whole = overview(at, sources);
		const rows = whole.rows.map(
			(row, index): OverviewRow => (index === 0 ? { ...row, comm: sanitize(HOSTILE), cgroup: sanitize('') } : row),
		);
		// every other name that somebody chose tries the same in its own way
		return [...sources.map(hostile), hostile({ ...whole, rows } as unknown as Snapshot)];
	});
}

test('the file: no script, no request, hostile names as text, every section reached by the keyboard', async () => {
	const builder = new ReportBuilder({ host: sanitize(HOSTILE), kernel: sanitize('6.1'), cpus: 4, version: '1' });
	for (const snapshot of ticks(30).flat()) builder.add(snapshot);
	builder.mark({ at: builder.report().from + 1000, text: sanitize(HOSTILE) });
	const folder = mkdtempSync(join(tmpdir(), 'wattlag-report-'));
	ends.push(() => rmSync(folder, { recursive: true, force: true }));
	const path = join(folder, 'report.html');
	writeFileSync(path, reportPage(builder.report()));
	await browser.send('Emulation.setDeviceMetricsOverride', {
		width: 390,
		height: 800,
		deviceScaleFactor: 1,
		mobile: true,
	});
	await browser.open(`file://${path}`);
	expect(browser.complaints).toEqual([]);
	expect(await browser.evaluate('document.title')).toContain('<img src=x');
	expect(await browser.evaluate('document.querySelectorAll("script,img,iframe,link,object").length')).toBe(0);
	expect(await browser.evaluate('document.body.innerText.includes("<img src=x onerror=")')).toBe(true);
	expect(await browser.evaluate('performance.getEntriesByType("resource").length')).toBe(0);
	// the style was not refused by the page's own policy
	expect(await browser.evaluate('getComputedStyle(document.querySelector(".cards")).display')).toBe('grid');
	// a phone: nothing is wider than the screen, tables scroll by themselves
	expect(await browser.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
	expect(
		await browser.evaluate(
			'document.querySelectorAll("svg[role=img][aria-label]").length === document.querySelectorAll("svg").length',
		),
	).toBe(true);
	const reached = new Set<unknown>();
	for (let presses = 0; presses < 14; presses++) {
		for (const type of ['keyDown', 'keyUp'])
			await browser.send('Input.dispatchKeyEvent', { type, key: 'Tab', code: 'Tab', windowsVirtualKeyCode: 9 });
		reached.add(
			await browser.evaluate(
				'document.activeElement.getAttribute("href") ?? document.activeElement.getAttribute("aria-label") ?? document.activeElement.tagName',
			),
		);
	}
	for (const target of ['#main', '#found', '#energy', '#machine']) expect(reached).toContain(target);
	expect(reached.size).toBeGreaterThan(8);
	await browser.send('Emulation.clearDeviceMetricsOverride');
});

test('the page of serve: renewed by its stream, under a policy without inline script', async () => {
	const listeners = new Set<(event: SamplerEvent) => void>();
	const sampler: Sampler = {
		subscribe(listener) {
			listeners.add(listener);
			return () => listeners.delete(listener);
		},
		setInterval: () => {},
		setGroup: () => {},
		close: () => {},
	};
	const port = await freePort();
	const stop = new AbortController();
	const served = runServe(sampler, {
		identity: { version: '1', host: HOSTILE, kernel: '6' },
		values: { listen: `127.0.0.1:${port}`, textfile: '', series: 400, top: 20 },
		stop: stop.signal,
		report: () => {},
		measuring: ['energy'],
		unavailable: 77,
	});
	ends.push(async () => {
		stop.abort();
		await served;
	});
	const url = `http://127.0.0.1:${port}`;
	await until('it serves', 20, async () => (await fetch(`${url}/healthz`)).ok);
	browser.complaints.length = 0;
	await browser.open(`${url}/`);
	expect(await browser.evaluate('document.querySelector("main").innerText')).toContain('Nothing has been measured yet');
	await until('the stream', 20, async () => {
		return (await browser.evaluate('document.getElementById("state").textContent')) === 'live';
	});
	const all = ticks(200);
	let fed = 0;
	/** The page is renewed with the first snapshot that comes two seconds after the last time. */
	const feed = () => {
		for (const snapshot of all[fed++ % all.length] ?? [])
			for (const listener of listeners) listener({ kind: 'snapshot', snapshot });
	};
	const intervals = () =>
		browser.evaluate('Number(/(\\d+) intervals/.exec(document.querySelector("main").innerText)?.[1])');
	await until('the first figures', 20, async () => {
		feed();
		return Number(await intervals()) >= 1;
	});
	const before = Number(await intervals());
	await until('newer figures', 20, async () => {
		feed();
		return Number(await intervals()) > before;
	});
	expect(await browser.evaluate('document.title')).toContain('<img src=x');
	expect(await browser.evaluate('document.querySelectorAll("img").length')).toBe(0);
	// a browser asks for an icon by itself
	expect(browser.complaints.filter((text) => !text.includes('favicon'))).toEqual([]);
	const { headers } = await fetch(`${url}/`);
	expect(headers.get('content-security-policy')).toMatch(/script-src 'self'/);
	expect(headers.get('content-security-policy')).not.toMatch(/unsafe-inline/);
});
