/** What a report says of a recording, and that nothing in it is markup. */
import { describe, expect, test } from 'vitest';
import type { Snapshot } from '../../src/core/snapshot.ts';
import { LiveReport } from '../../src/export/live-page.ts';
import { escapeHtml, html } from '../../src/export/report/html.ts';
import { ReportBuilder } from '../../src/export/report/model.ts';
import { POLICY, reportPage } from '../../src/export/report/page.ts';
import { flameGraph, histogram, niceLimit, ownTimes, xOf } from '../../src/export/report/svg.ts';
import { sanitize } from '../../src/lib/sanitize.ts';
import { hostile, NASTY } from '../lib/hostile.ts';
import { energySnapshot } from '../ui/fixtures/energy.ts';
import { fourTabs } from '../ui/fixtures/four-tabs.ts';
import { overviewFixture } from '../ui/fixtures/overview.ts';

const machine = { host: sanitize('h'), kernel: sanitize('6'), cpus: 4, version: '1' };

function build(count: number) {
	const builder = new ReportBuilder(machine);
	const overview = overviewFixture();
	let joules = 0;
	let slow = 0;
	for (let at = 0; at < count; at++) {
		const { energy, io, snapshots } = fourTabs(at);
		joules += energy.measured_uj / 1e6;
		slow += io.slow.length;
		for (const snapshot of [...snapshots, overview(at, snapshots)]) builder.add(snapshot as Snapshot);
	}
	return { report: builder.report(), joules, slow };
}

describe('the model', () => {
	test('energy, requests and intervals are those of the snapshots', () => {
		const { report, joules, slow } = build(20);
		expect(report.energy?.joules).toBeCloseTo(joules, 6);
		expect(report.slow_count).toBe(slow);
		expect(report.intervals).toBe(20);
		expect(report.points.length).toBe(20);
		expect(report.groups.length).toBeGreaterThan(2);
		expect(report.groups.map((group) => group.joules)).toEqual([...report.groups.map((group) => group.joules)].sort((a, b) => b - a)); // biome-ignore format: one order
		// the words of triage come first
		expect(report.triage[0]).toMatch(/^wattlag triage: h, \d+\.\d s until /);
		expect(report.triage.length).toBeLessThanOrEqual(20);
		const page = reportPage(report);
		expect(page.indexOf('id="triage"')).toBeLessThan(page.indexOf('id="found"'));
		expect(page).toContain(escapeHtml(report.triage[0] as string));
		const times = report.slow.map(({ request }) => request.stages['total'] ?? 0);
		expect(times).toEqual([...times].sort((a, b) => b - a));
	});

	test('a long recording keeps its axis and its mean, in fewer points', () => {
		const builder = new ReportBuilder(machine);
		const overview = overviewFixture();
		const template = overview(0, [energySnapshot(0)] as unknown as Snapshot[]);
		for (let at = 0; at < 3000; at++) {
			const totals = { ...template.totals, watts: at % 2 === 0 ? 10 : 20 };
			const time = new Date(1.7e12 + at * 1000).toISOString();
			builder.add({ ...template, findings: [], rows: [], totals, time } as unknown as Snapshot);
		}
		const { points, from, until } = builder.report();
		expect(points.length).toBeLessThanOrEqual(720);
		expect(points.reduce((sum, { seconds }) => sum + seconds, 0)).toBeCloseTo(3000, 6);
		const joules = points.reduce((sum, { watts, seconds }) => sum + (watts ?? 0) * seconds, 0);
		expect(joules).toBeCloseTo(45_000, 3);
		expect(until - from).toBe(3_000_000);
	});

	test('the live one has the last minutes and forgets the rest', () => {
		const live = new LiveReport(machine);
		const overview = overviewFixture();
		const template = overview(0, [energySnapshot(0)] as unknown as Snapshot[]);
		for (let minute = 0; minute < 60; minute++)
			live.add({
				...template,
				time: new Date(1.7e12 + minute * 60_000).toISOString(),
				rows: [],
			} as unknown as Snapshot);
		const { from, until } = live.report();
		expect(until - from).toBeGreaterThanOrEqual(5 * 60_000 - 60_000);
		expect(until - from).toBeLessThanOrEqual(11 * 60_000);
	});
});

describe('markup', () => {
	test('holes are text; what came from a template stays markup', () => {
		const inner = html`<b>${'<i>'}</b>`;
		expect(String(html`<p title="${'"\'>'}">${inner}${[inner]}${null}${false}${1 < 2 && '&'}</p>`)).toBe(
			'<p title="&quot;&#39;&gt;"><b>&lt;i&gt;</b><b>&lt;i&gt;</b>&amp;</p>',
		);
		expect(escapeHtml('<&"\'>')).toBe('&lt;&amp;&quot;&#39;&gt;');
	});

	test('whatever users call their programs, groups and devices is text', () => {
		const builder = new ReportBuilder({ ...machine, host: sanitize(NASTY[5] as string) });
		const overview = overviewFixture();
		for (let at = 0; at < 20; at++) {
			const { snapshots } = fourTabs(at);
			for (const snapshot of [...snapshots, overview(at, snapshots)]) builder.add(hostile(snapshot as Snapshot));
		}
		builder.mark({ at: builder.report().from + 1000, text: sanitize(NASTY[6] as string) });
		const page = reportPage(builder.report());
		// all elements and attributes of the page are of the template's own
		const tags = new Set([...page.matchAll(/<\/?([a-zA-Z][\w-]*)/g)].map(([, tag]) => tag));
		const plain = new Set([...reportPage(build(20).report).matchAll(/<\/?([a-zA-Z][\w-]*)/g)].map(([, tag]) => tag));
		expect([...tags].filter((tag) => !plain.has(tag))).toEqual([]);
		expect(page).not.toMatch(/<[^>]*\son\w+\s*=|href="?javascript:|<script/i);
		expect(page).toContain('&lt;img src=x onerror=');
		expect(page).not.toMatch(/[\u0000-\u0008\u001b\u202e\u2066]/);
	});

	test('the page has no script, no style attribute and no address', () => {
		const page = reportPage(build(5).report);
		expect(page).not.toMatch(/<script|\sstyle=|https?:\/\/|\son\w+=/i);
		expect(POLICY).toMatch(/^default-src 'none'; style-src 'sha256-[\w+/=]+'; /);
	});
});

describe('charts', () => {
	test('limits read well', () => {
		expect([0, 0.03, 1, 1.2, 4.9, 99, 1e6].map(niceLimit)).toEqual([1, 0.03, 1, 1.5, 5, 100, 1e6]);
	});

	test('moments outside the axis are at its ends', () => {
		const axis = { from: 1000, until: 2000 };
		expect(xOf(0, axis)).toBe(xOf(1000, axis));
		expect(xOf(9000, axis)).toBe(xOf(2000, axis));
		expect(xOf(1500, axis)).toBe((xOf(1000, axis) + xOf(2000, axis)) / 2);
	});

	test('a histogram has a bar for each filled power of two, and its sum in words', () => {
		const svg = String(histogram('x', [[256, 3], [300, 4], [2048, 1]])); // biome-ignore format: a list
		expect(svg).toContain('x: 8 between');
		expect(svg.match(/class="bar"/g)?.length).toBe(3);
	});

	test('the flame graph is as wide as the time of its functions; own times are those of the innermost ones', () => {
		const frames = (...names: string[]) => names.map((name) => sanitize(name));
		const stacks = [
			{ frames: frames('p', 'main', 'a'), ns: 30 },
			{ frames: frames('p', 'main', 'b', '<x>_[k]'), ns: 10 },
		];
		const svg = String(flameGraph({ target: sanitize('t'), seconds: 1, stacks }));
		const widths = [...svg.matchAll(/class="frame (\w+)" x="[\d.]+" y="(\d+)" width="([\d.]+)"/g)].map(([, kind, y, width]) => [kind, Number(y), Number(width)]); // biome-ignore format: one list
		expect(widths).toEqual([['process', 4, 712], ['user', 22, 712], ['user', 40, 534], ['user', 40, 178], ['kernel', 58, 178]]); // biome-ignore format: a table
		expect(svg).toContain('&lt;x&gt;_[k]');
		expect(ownTimes(stacks, 1)).toEqual([{ name: 'a', ns: 30, share: 0.75 }]);
	});
});
