/** Charts as SVG that needs no script: they print, scale and are read aloud. Pure. */

import { formatCount, formatNs } from '../../lib/format.ts';
import type { Buckets } from '../../lib/histogram.ts';
import { log2Slot } from '../../lib/histogram.ts';
import { type TreeNode, treeOf } from '../../profile/tree.ts';
import { type Html, html } from './html.ts';
import type { FoundFinding, Mark, Report } from './model.ts';

const WIDTH = 720;
const LEFT = 62;
const RIGHT = 12;

export interface Axis {
	from: number;
	until: number;
}

const round = (value: number): number => Math.round(value * 10) / 10;

export function xOf(at: number, { from, until }: Axis): number {
	const share = until > from ? (at - from) / (until - from) : 0;
	return round(LEFT + Math.min(1, Math.max(0, share)) * (WIDTH - LEFT - RIGHT));
}

/** `12:34:56` in UTC: a report is read elsewhere. */
export function clock(ms: number): string {
	return new Date(ms).toISOString().slice(11, 19);
}

function timeLabels(axis: Axis, y: number): Html[] {
	return [0, 0.25, 0.5, 0.75, 1].map((share) => {
		const at = axis.from + share * (axis.until - axis.from);
		const anchor = share === 0 ? 'start' : share === 1 ? 'end' : 'middle';
		return html`<text x="${xOf(at, axis)}" y="${y}" text-anchor="${anchor}">${clock(at)}</text>`;
	});
}

/** The lowest limit that reads well and leaves at most a third of the chart empty. */
export function niceLimit(value: number): number {
	if (!(value > 0)) return 1;
	const power = 10 ** Math.floor(Math.log10(value));
	const digit = [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10].find((one) => value <= one * power * 1.0000001) ?? 10;
	return digit * power;
}

export interface Curve {
	title: string;
	/** Values of intervals; null leaves a gap. */
	points: readonly { at: number; seconds: number; value: number | null }[];
	format(value: number): string;
	/** Bands behind it: when something was wrong. */
	findings: readonly FoundFinding[];
	marks: readonly Mark[];
}

/** One figure over time, each interval a step. */
export function timeChart({ title, points, format, findings, marks }: Curve, axis: Axis): Html {
	const known = points.filter((point): point is typeof point & { value: number } => point.value !== null);
	const [top, bottom] = [10, 96];
	if (known.length === 0) return html`<figure><figcaption>${title}: not known</figcaption></figure>`;
	const most = Math.max(...known.map(({ value }) => value));
	const limit = niceLimit(most);
	const yOf = (value: number) => round(bottom - (value / limit) * (bottom - top));
	let path = '';
	let area = '';
	let open = false;
	let end = 0;
	for (const { at, seconds, value } of points) {
		// clocks of begin and end differ by some ms: intervals do not overlap
		const [x0, x1] = [Math.max(end, xOf(at - seconds * 1000, axis)), xOf(at, axis)];
		end = x1;
		if (value === null) {
			open = false;
			continue;
		}
		const y = yOf(value);
		path += `${open ? 'L' : 'M'}${x0} ${y}L${x1} ${y}`;
		area += `M${x0} ${bottom}V${y}H${x1}V${bottom}Z`;
		open = true;
	}
	const sum = known.reduce((all, { value }) => all + value, 0);
	const words = `${title}: mean ${format(sum / known.length)}, highest ${format(most)}`;
	return html`<figure><figcaption>${words}</figcaption><svg viewBox="0 0 ${WIDTH} 116" role="img" aria-label="${words}">${findings.map(({ from, until, subject }) => html`<rect class="band" x="${xOf(from, axis)}" y="${top}" width="${Math.max(1, round(xOf(until, axis) - xOf(from, axis)))}" height="${bottom - top}"><title>${subject}</title></rect>`)}<path class="area" d="${area}"/><path class="curve" d="${path}"/><line class="axis" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${bottom}" y2="${bottom}"/>${marks.map(({ at, text }) => html`<line class="mark" x1="${xOf(at, axis)}" x2="${xOf(at, axis)}" y1="${top}" y2="${bottom}"><title>${text}</title></line>`)}<text x="${LEFT - 6}" y="${top + 8}" text-anchor="end">${format(limit)}</text><text x="${LEFT - 6}" y="${bottom}" text-anchor="end">0</text>${timeLabels(axis, 112)}</svg></figure>`;
}

const ROW = 20;
/** Rows of the chart: the table has all. */
const MOST_ROWS = 25;

/** Findings over time, slow requests and marks, on the axis of the curves. */
export function findingsChart(
	{ findings, slow, marks, events }: Pick<Report, 'findings' | 'slow' | 'marks' | 'events'>,
	axis: Axis,
): Html {
	const shown = findings.slice(0, MOST_ROWS);
	const extra = (slow.length > 0 ? 1 : 0) + (events.length > 0 ? 1 : 0) + (marks.length > 0 ? 1 : 0);
	const height = (shown.length + extra) * ROW + 30;
	const words = `${findings.length} findings from ${clock(axis.from)} to ${clock(axis.until)} UTC`;
	const label = (text: string, row: number, x0: number, x1: number) => {
		// to the right of its bar where there is room, else to the left of it
		const end = x1 > WIDTH * 0.6;
		return html`<text class="name" x="${end ? x0 - 4 : x1 + 4}" y="${row * ROW + 20}" text-anchor="${end ? 'end' : 'start'}">${text.slice(0, 60)}</text>`;
	};
	let row = shown.length;
	const slowRow = slow.length > 0 ? row++ : 0;
	const eventRow = events.length > 0 ? row++ : 0;
	const markRow = marks.length > 0 ? row++ : 0;
	return html`<figure><figcaption>${words}</figcaption><svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${words}">${shown.map(
		({ level, subject, rule, from, until }, index) => {
			const [x0, x1] = [xOf(from, axis), xOf(until, axis)];
			return html`<rect class="${level}" x="${x0}" y="${index * ROW + 8}" width="${Math.max(3, round(x1 - x0))}" height="${ROW - 6}"><title>${level}: ${subject}</title></rect>${label(rule === subject ? rule : `${rule} ${subject}`, index, x0, x1)}`;
		},
	)}${slow.length > 0 && html`${slow.map(({ at, request }) => html`<circle class="high" cx="${xOf(at, axis)}" cy="${slowRow * ROW + 15}" r="3"><title>${request.op} ${request.device} ${formatNs(request.stages['total'] ?? 0)}</title></circle>`)}<text class="name" x="4" y="${slowRow * ROW + 20}">slow IO</text>`}${events.length > 0 && html`${events.map(({ time, severity, text }) => html`<circle class="${severity}" cx="${xOf(Date.parse(time), axis)}" cy="${eventRow * ROW + 15}" r="3"><title>${text}</title></circle>`)}<text class="name" x="4" y="${eventRow * ROW + 20}">events</text>`}${marks.length > 0 && html`${marks.map(({ at, text }) => html`<circle class="notice" cx="${xOf(at, axis)}" cy="${markRow * ROW + 15}" r="4"><title>${text}</title></circle>`)}<text class="name" x="4" y="${markRow * ROW + 20}">marks</text>`}<line class="axis" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${height - 20}" y2="${height - 20}"/>${timeLabels(axis, height - 6)}</svg></figure>`;
}

/** Counts by powers of two of the time, with the logarithm of the count as height: a tail of one in a million is seen. */
export function histogram(title: string, buckets: Buckets): Html {
	const slots = new Map<number, number>();
	for (const [upper, count] of buckets) {
		const slot = log2Slot(upper, 1);
		slots.set(slot, (slots.get(slot) ?? 0) + count);
	}
	if (slots.size === 0) return html`<figure><figcaption>${title}: none</figcaption></figure>`;
	const [first, last] = [Math.min(...slots.keys()), Math.max(...slots.keys())];
	const most = Math.max(...slots.values());
	const total = [...slots.values()].reduce((sum, count) => sum + count, 0);
	const [top, bottom] = [14, 100];
	const width = (WIDTH - LEFT - RIGHT) / (last - first + 1);
	const yOf = (count: number) => round(bottom - (Math.log10(count + 1) / Math.log10(most + 1)) * (bottom - top));
	const words = `${title}: ${total} between ${formatNs(2 ** first)} and ${formatNs(2 ** (last + 1))}`;
	const every = Math.ceil((last - first + 1) / 9);
	return html`<figure><figcaption>${words}</figcaption><svg viewBox="0 0 ${WIDTH} 122" role="img" aria-label="${words}">${Array.from(
		{ length: last - first + 1 },
		(_, index) => {
			const slot = first + index;
			const count = slots.get(slot) ?? 0;
			const x = round(LEFT + index * width);
			return html`${count > 0 && html`<rect class="bar" x="${x + 1}" y="${yOf(count)}" width="${Math.max(1, round(width - 2))}" height="${round(bottom - yOf(count))}"><title>${formatNs(2 ** slot)} to ${formatNs(2 ** (slot + 1))}: ${count}</title></rect>`}${index % every === 0 && html`<text x="${x}" y="116">${formatNs(2 ** slot)}</text>`}`;
		},
	)}<line class="axis" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${bottom}" y2="${bottom}"/><text x="${LEFT - 6}" y="${top + 8}" text-anchor="end">${formatCount(most, 7).trim()}</text><text x="${LEFT - 6}" y="${bottom}" text-anchor="end">0</text></svg></figure>`;
}

const FRAME = 18;
/** Levels of the flame graph, and the narrowest frame that is drawn. */
const MOST_LEVELS = 40;
const NARROWEST = 1.5;
/** Width of a character of the small font, px. */
const CHARACTER = 6.2;

/** Calls from top to bottom, each as wide as its time: an icicle, whose roots are read first. */
export function flameGraph({ target, seconds, stacks }: NonNullable<Report['profile']>): Html {
	const root = treeOf(
		stacks.map(({ frames, ns }) => ({
			frames: frames.map((name, index) => ({
				name,
				kind: index === 0 ? 'process' : name.endsWith('_[k]') ? 'kernel' : 'user',
			})),
			value: ns,
		})),
	);
	if (root.total === 0) return html`<figure><figcaption>Profile of ${target}: no sample</figcaption></figure>`;
	const scale = (WIDTH - 8) / root.total;
	const drawn: Html[] = [];
	let deepest = 0;
	const draw = (node: TreeNode, from: number, level: number): void => {
		let at = from;
		for (const child of node.children) {
			const [x, width] = [round(4 + at * scale), round(child.total * scale)];
			at += child.total;
			if (width < NARROWEST || level >= MOST_LEVELS) continue;
			deepest = Math.max(deepest, level);
			const room = Math.floor((width - 4) / CHARACTER);
			const words = `${child.name}: ${formatNs(child.total).trim()}, ${((child.total / root.total) * 100).toFixed(1)} %`;
			drawn.push(
				html`<rect class="frame ${child.kind}" x="${x}" y="${level * FRAME + 4}" width="${width}" height="${FRAME - 1}"><title>${words}</title></rect>${room >= 3 && html`<text class="frame" x="${x + 2}" y="${level * FRAME + 16}">${child.name.slice(0, room)}</text>`}`,
			);
			draw(child, at - child.total, level + 1);
		}
	};
	draw(root, 0, 0);
	const words = `Profile of ${target}: ${formatNs(root.total).trim()} in ${stacks.length} stacks over ${Math.round(seconds)} s, outermost function on top`;
	return html`<figure><figcaption>${words}</figcaption><svg viewBox="0 0 ${WIDTH} ${(deepest + 1) * FRAME + 8}" role="img" aria-label="${words}">${drawn}</svg></figure>`;
}

/** Functions with most time of their own. */
export function ownTimes(
	stacks: NonNullable<Report['profile']>['stacks'],
	most: number,
): { name: string; ns: number; share: number }[] {
	const own = new Map<string, number>();
	let total = 0;
	for (const { frames, ns } of stacks) {
		const name = frames.at(-1) ?? '';
		own.set(name, (own.get(name) ?? 0) + ns);
		total += ns;
	}
	return [...own]
		.sort(([, a], [, b]) => b - a)
		.slice(0, most)
		.map(([name, ns]) => ({ name, ns, share: total > 0 ? ns / total : 0 }));
}
