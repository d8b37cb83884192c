/** The page: one file without a script that loads and sends nothing (CSP), or the same kept up to date by `serve`. */
import { createHash } from 'node:crypto';
import { formatBytes, formatDuration, formatNs } from '../../lib/format.ts';
import { percentiles, slotCount, toSlots } from '../../lib/histogram.ts';
import { type Html, html } from './html.ts';
import type { FoundFinding, Point, Report } from './model.ts';
import { STYLE } from './style.ts';
import { type Axis, clock, findingsChart, flameGraph, histogram, ownTimes, timeChart } from './svg.ts';

const number = (value: number, digits = 2): string => value.toLocaleString('en', { maximumFractionDigits: digits });

/** Slots that snapshots are made of: 4 an octave. */
const SLOTS = slotCount(2);

function quantile(buckets: Parameters<typeof toSlots>[0], rank: number): number {
	const slots = new Float64Array(SLOTS);
	toSlots(buckets, slots);
	const max = buckets.at(-1)?.[0] ?? 0;
	return percentiles(slots, [rank] as const, max)[0];
}

function day(ms: number): string {
	return new Date(ms).toISOString().replace('T', ' ').slice(0, 19);
}

function table(
	caption: string,
	heads: readonly [title: string, numeric: boolean][],
	rows: readonly (readonly (string | Html)[])[],
): Html {
	return html`<div class="scroll" tabindex="0" role="region" aria-label="${caption}"><table><caption>${caption}</caption><thead><tr>${heads.map(([title, numeric]) => html`<th scope="col"${numeric && html` class="n"`}>${title}</th>`)}</tr></thead><tbody>${rows.map((cells) => html`<tr>${cells.map((cell, index) => html`<td${heads[index]?.[1] && html` class="n"`}>${cell}</td>`)}</tr>`)}</tbody></table></div>`;
}

function cards({ points, findings, energy, wait, slow_count, losses }: Report): Html {
	const busy = points.flatMap(({ busy: one }) => (one === null ? [] : [one]));
	const mean = busy.reduce((sum, one) => sum + one, 0) / Math.max(1, busy.length);
	const lost = losses.reduce((sum, { count }) => sum + count, 0);
	const all: [string, string][] = [
		['findings', String(findings.length)],
		['CPUs busy, mean', busy.length > 0 ? number(mean) : 'not known'],
		['energy', energy ? `${number(energy.joules, 1)} J` : 'not known'],
		['wait for a CPU, p99', wait && wait.count > 0 ? formatNs(quantile(wait.buckets, 0.99)).trim() : 'none'],
		['slow requests', number(slow_count)],
		['events lost', number(lost)],
	];
	return html`<ul class="cards">${all.map(([name, value]) => html`<li><b>${value}</b>${name}</li>`)}</ul>`;
}

function findingRows(findings: readonly FoundFinding[]): Html {
	if (findings.length === 0) return html`<p>Nothing stood out.</p>`;
	return table(
		'Findings in the order of their begin, UTC',
		[['level', false], ['from', false], ['for', true], ['what', false], ['cause or victim', false]],
		findings.map(({ level, from, until, subject, text, owner, peak_at }) => [
			html`<span class="level ${level}">${level}</span>`,
			html`<time>${clock(from)}</time>`,
			formatDuration(Math.max(0, Math.round((until - from) / 1000))),
			html`<b>${subject}</b> ${text} <span class="dim">(worst at ${clock(peak_at)})</span>`,
			owner,
		]),
	); // biome-ignore format: one table
}

function curves(report: Report, axis: Axis): Html {
	const { points, findings, marks } = report;
	const of = (title: string, value: (point: Point) => number | null, format: (value: number) => string) =>
		timeChart(
			{ title, points: points.map((point) => ({ ...point, value: value(point) })), format, findings, marks },
			axis,
		);
	return html`${of('CPUs busy', ({ busy }) => busy, (value) => number(value))}${of('Power', ({ watts }) => watts, (value) => `${number(value, 1)} W`)}${of('Wait for a CPU, p99', ({ wait_p99_ns }) => wait_p99_ns, (value) => formatNs(value).trim())}${of('Block IO', ({ io }) => io, (value) => `${formatBytes(value).trim()}/s`)}${of('Interrupts, in CPUs', ({ irq }) => irq, (value) => number(value, 3))}`; // biome-ignore format: a list of curves
}

function energySection({ groups, energy, from, until }: Report): Html {
	const seconds = Math.max(1e-3, (until - from) / 1000);
	const parts = energy && [
		`Idle ${number(energy.idle_j, 1)} J, interrupts ${number(energy.irq_j, 1)} J, of no known process ${number(energy.unattributed_j, 1)} J.`,
		`Source: ${energy.source}; ${energy.uncertainty}.`,
	];
	return html`<h2 id="energy">Energy and CPU time</h2>${parts ? parts.map((text) => html`<p>${text}</p>`) : html`<p>The energy is not known.</p>`}${table(
		'Containers, units and commands, most energy first',
		[['kind', false], ['name', false], ['energy', true], ['power', true], ['CPU time', true], ['waited', true], ['IO', true]],
		groups.map(({ kind, name, joules, cpu_s, wait_s, io_bytes }) => [
			kind,
			name,
			energy ? `${number(joules)} J` : '–',
			energy ? `${number(joules / seconds)} W` : '–',
			`${number(cpu_s)} s`,
			`${number(wait_s)} s`,
			formatBytes(io_bytes).trim(),
		]),
	)}`; // biome-ignore format: one section
}

function slowSection({ slow, slow_count }: Report): Html {
	if (slow.length === 0) return html`<p>No request was slower than the threshold.</p>`;
	return table(
		`The ${slow.length} slowest of ${slow_count} slow requests, UTC`,
		[['at', false], ['device', false], ['what', false], ['took', true], ['most of it', false], ['process', false], ['file', false]],
		slow.map(({ at, request }) => {
			const { device, op, stages, comm, pid, file } = request;
			const [stage, ns] = Object.entries(stages).filter(([name]) => name !== 'total').sort(([, a], [, b]) => b - a)[0] ?? ['', 0];
			return [html`<time>${clock(at)}</time>`, device, op, formatNs(stages['total'] ?? 0).trim(), `${stage} ${formatNs(ns).trim()}`, pid > 0 ? `${comm} ${pid}` : comm, file ?? ''];
		}),
	); // biome-ignore format: one table
}

function eventSection({ events, event_sums, tabs }: Report): Html {
	if (!tabs.some(({ tab }) => tab === 'events')) return html`<p>Events were not measured.</p>`;
	if (event_sums.length === 0) return html`<p>No event.</p>`;
	const sums = event_sums.map(({ kind, reason, count, normal }) => [
		kind,
		reason,
		number(count),
		normal ? 'normal operation' : '',
	]);
	const single = events.map(({ time, severity, text, meaning, who }) => [
		html`<time>${clock(Date.parse(time))}</time>`,
		html`<span class="level ${severity}">${severity}</span>`,
		text,
		who,
		meaning,
	]);
	return html`${table(
		'Events by kind and reason',
		[
			['kind', false],
			['reason', false],
			['count', true],
			['', false],
		],
		sums,
	)}${
		single.length > 0 &&
		table(
			'Single events that are not part of normal operation, the most severe ones, UTC',
			[
				['at', false],
				['level', false],
				['what', false],
				['who', false],
				['meaning', false],
			],
			single,
		)
	}`;
}

function profileSection({ profile }: Report): Html {
	if (!profile) return html`<p>No profile was taken.</p>`;
	const rows = ownTimes(profile.stacks, 15).map(({ name, ns, share }) => [
		name,
		formatNs(ns).trim(),
		`${number(share * 100, 1)} %`,
	]);
	return html`${flameGraph(profile)}${table(
		'Functions with most time of their own (kernel functions end with _[k])',
		[
			['function', false],
			['time', true],
			['share', true],
		],
		rows,
	)}`;
}

function machineSection({ machine, intervals, late_s, suspended_s, losses, tabs, unchecked }: Report): Html {
	const { host, kernel, cpus, version } = machine;
	return html`<h2 id="machine">Machine, sources and losses</h2><p>${host}, Linux ${kernel}${cpus > 0 && `, ${cpus} CPUs`}; wattlag ${version}; ${intervals} intervals${late_s > 0 && `; ${number(late_s, 1)} s late`}${suspended_s > 0 && `; ${number(suspended_s, 1)} s asleep`}.</p>${losses.length > 0 ? table('Events that could not be counted', [['tab', false], ['cause', false], ['events', true]], losses.map(({ tab, cause, count }) => [tab, cause, number(count)])) : html`<p>No event was lost.</p>`}<details><summary>Sources of the figures</summary>${table('Source and uncertainty', [['tab', false], ['source', false], ['uncertainty', false], ['missing here', false]], tabs.map(({ tab, source, uncertainty, missing }) => [tab, source, uncertainty, missing.join(' ')]))}</details>${unchecked.length > 0 && html`<details><summary>Rules that could not be checked</summary><ul>${unchecked.map(({ rule, reason }) => html`<li>${rule}: ${reason}</li>`)}</ul></details>`}`; // biome-ignore format: one section
}

/** Everything between the head and the end of the page. */
export function reportMain(report: Report): Html {
	const { machine, from, until, findings, wait, io } = report;
	if (from === 0) return html`<main id="main"><h1>${machine.host}</h1><p>Nothing has been measured yet.</p></main>`;
	const axis = { from, until };
	return html`<main id="main"><h1>What ${machine.host} did</h1><p class="dim">${day(from)} to ${day(until)} UTC, ${formatDuration(Math.round((until - from) / 1000))}</p>${report.triage.length > 0 && html`<h2 id="triage">In short</h2><pre>${report.triage.join('\n')}</pre>`}${cards(report)}<h2 id="found">What was found</h2>${findingRows(findings)}<h2 id="time">When</h2>${findingsChart(report, axis)}${curves(report, axis)}${energySection(report)}<h2 id="waits">Waits for a CPU</h2>${wait ? histogram('Waits that ended, by their length', wait.buckets) : html`<p>Not measured.</p>`}<h2 id="io">Block IO</h2>${io.length > 0 ? io.map(({ device, op, buckets }) => histogram(`${device} ${op}`, buckets)) : html`<p>No request, or not measured.</p>`}<h3 id="slow">Slow requests</h3>${slowSection(report)}<h2 id="profile">Where the CPU time goes</h2>${profileSection(report)}<h2 id="events">Events of the kernel</h2>${eventSection(report)}${machineSection(report)}</main>`; // biome-ignore format: the page in its order
}

/** Hash of the style, which is the only thing inline that the policy allows. */
const styleHash = createHash('sha256').update(STYLE).digest('base64');

export const POLICY = `default-src 'none'; style-src 'sha256-${styleHash}'; base-uri 'none'; form-action 'none'`;
/** Of the page that a server keeps up to date: with its own script, and its own stream. */
export const LIVE_POLICY = `default-src 'none'; style-src 'sha256-${styleHash}'; script-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

const sections = [['triage', 'In short'], ['found', 'Found'], ['time', 'When'], ['energy', 'Energy'], ['waits', 'Waits'], ['io', 'IO'], ['profile', 'Profile'], ['events', 'Events'], ['machine', 'Machine']] as const; // biome-ignore format: a list

export function reportPage(report: Report, live = false): string {
	const title = `wattlag: ${report.machine.host}`;
	const style = html`<style>`;
	const page = html`<header><a class="skip" href="#main">To the report</a><nav aria-label="Sections"><p>${sections.map(([id, name]) => html`<a href="#${id}">${name}</a> `)}${live && html`<span class="live" id="state" role="status">connecting</span>`}</p></nav></header>${reportMain(report)}<footer><p class="dim">Made by wattlag ${report.machine.version}. Names are as the machine gave them; control characters are shown.</p></footer>`;
	return `<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">${live ? '' : html`<meta http-equiv="Content-Security-Policy" content="${POLICY}">`}<meta name="color-scheme" content="light dark">${html`<title>${title}</title>`}${style}${STYLE}</style>${live ? '<script src="/live.js" defer></script>' : ''}</head><body>${page}</body></html>\n`;
}

/** The script of the live page: replaces the report by the next one, made by the same code. */
export const LIVE_SCRIPT = `'use strict';
const state = document.getElementById('state');
const source = new EventSource('/events');
source.addEventListener('open', () => { state.textContent = 'live'; });
source.addEventListener('error', () => { state.textContent = 'connection lost; trying again'; });
source.addEventListener('report', (event) => {
	if (document.hidden) return;
	const next = new DOMParser().parseFromString(JSON.parse(event.data), 'text/html').getElementById('main');
	const old = document.getElementById('main');
	if (!next || old.contains(document.getSelection().anchorNode) && !document.getSelection().isCollapsed) return;
	const open = [...old.querySelectorAll('details')].map((one) => one.open);
	[...next.querySelectorAll('details')].forEach((one, index) => { one.open = open[index] ?? false; });
	const focused = [...old.querySelectorAll('[tabindex],summary')].indexOf(document.activeElement);
	old.replaceWith(document.adoptNode(next));
	if (focused >= 0) document.querySelectorAll('main [tabindex],main summary')[focused]?.focus({ preventScroll: true });
});
`;
