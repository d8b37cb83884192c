/** One slow request: start and length of each stage, and the state of the task meanwhile. */

import { formatCount, formatNs, formatShare } from '../../../lib/format.ts';
import { fitCells, textWidth } from '../../../lib/width.ts';
import type { Role, Span } from '../../../term/theme.ts';
import { IO_PATH } from '../../../tracers/io/path.ts';
import type { FullPath, OffCpu } from '../../../tracers/io/snapshot.ts';
import { lineOf, widthOf } from '../../widgets/line.ts';
import { placedBar } from '../../widgets/stage-table.ts';
import type { SlowRow } from './slow-rows.ts';
import { roleOf } from './stage-marks.ts';

const nameWidth = 9;
const figureWidth = 8;

function line(name: string, figures: readonly string[], role: Role, bar: string, width: number): string {
	const cells = figures.map((figure) => fitCells(figure, figureWidth, 'right')).join('');
	return lineOf(width, [fitCells(name, nameWidth), cells, '  ', [role, bar]]);
}

/** A scale from 0 to the end of the request above the bars. */
function scale(whole: number, width: number): string {
	const end = formatNs(whole);
	return width < textWidth(end) + 3 ? '' : `0${'─'.repeat(width - textWidth(end) - 1)}${end}`;
}

/** On few lines, the longest stages. */
function stageLines({ waterfall, whole_ns }: SlowRow, width: number, height: number): string[] {
	const room = Math.max(0, width - nameWidth - 3 * figureWidth - 2);
	const head = ['BEGAN', 'TIME', 'SHARE'].map((title) => fitCells(title, figureWidth, 'right')).join('');
	const longest = waterfall.toSorted((a, b) => b.ns - a.ns).slice(0, Math.max(1, height - 1));
	return [
		lineOf(width, [['dim', `${fitCells('STAGE', nameWidth)}${head}  ${scale(whole_ns, room)}`]]),
		...waterfall
			.filter((step) => longest.includes(step))
			.map(({ stage, at_ns, ns }) =>
				line(
					stage,
					[at_ns === 0 ? '0' : `+${formatNs(at_ns)}`, formatNs(ns), formatShare(ns / whole_ns)],
					roleOf(stage),
					placedBar(at_ns / whole_ns, ns / whole_ns, room),
					width,
				),
			),
	];
}

/** The sum of all stages and, if there are others, of those of the block layer. */
function sumLines({ waterfall, whole_ns, stages: { total = whole_ns } }: SlowRow, width: number): string[] {
	const whole = line('all', ['', formatNs(whole_ns), '100%'], 'plain', '', width);
	if (waterfall.every(({ stage }) => stage in blockStages)) return [whole];
	const words = 'from request to device; compared with the threshold';
	return [whole, line('total', ['', formatNs(total), formatShare(total / whole_ns)], 'dim', words, width)];
}

const blockStages: Readonly<Record<string, true>> = Object.fromEntries(
	IO_PATH.stages.filter(({ depth }) => depth === 'block').map(({ name }) => [name, true]),
);

const parts: readonly (readonly [string, keyof Omit<OffCpu, 'irq_ns'>, Role])[] = [
	['device or lock', 'blocked_ns', 'series1'],
	['run queue', 'runqueue_ns', 'warn'],
	['preempted', 'preempted_ns', 'bad'],
	['running', 'running_ns', 'series3'],
];

/** The time of the system call by state of its task; the parts add up to it. */
function callLines(call: OffCpu, width: number): string[] {
	const head: Span[] = [
		['dim', 'system call '],
		['strong', formatNs(call.call_ns)],
		['dim', ':'],
	];
	const pieces = parts.map(([name, key, role]): Span[] => [
		['dim', `${name} `],
		[call[key] > 0 ? role : 'dim', formatNs(call[key])],
		['dim', ` ${formatShare(call[key] / call.call_ns)}`],
	]);
	return wrapPieces([head, ...pieces], width);
}

/** Pieces in sequence, on as many lines as they need. */
function wrapPieces(pieces: readonly (readonly Span[])[], width: number): string[] {
	const lines: Span[][] = [];
	let current: Span[] = [];
	for (const piece of pieces) {
		if (current.length > 0 && widthOf(current) + 2 + widthOf(piece) > width) {
			lines.push(current);
			current = [];
		}
		current.push(current.length > 0 || lines.length > 0 ? '  ' : '');
		current.push(...piece);
	}
	return [...lines, current].map((spans) => lineOf(width, spans));
}

function noCallLine({ state, reason }: FullPath, width: number): string {
	const why =
		state === 'on'
			? 'no system call waited for it'
			: state === 'off'
				? 'state of its task meanwhile (off-CPU time): only with the full path (f)'
				: `state of its task meanwhile unknown: full path ${state}${reason === '' ? '' : `: ${reason}`}`;
	return lineOf(width, [['dim', why]]);
}

/** Tasks with slow requests on the same disk in the same time, most first. */
export function neighbours(request: SlowRow, all: readonly SlowRow[]): { name: string; count: number }[] {
	const from = (row: SlowRow) => row.mono_ns - row.whole_ns;
	const found = new Map<string, { name: string; count: number }>();
	for (const other of all) {
		if (other === request || other.device !== request.device) continue;
		if (other.mono_ns <= from(request) || from(other) >= request.mono_ns) continue;
		const name = `${other.comm}[${other.pid}] ${other.op}`;
		const known = found.get(name) ?? { name, count: 0 };
		known.count++;
		found.set(name, known);
	}
	return [...found.values()].sort((a, b) => b.count - a.count);
}

function neighbourLine(request: SlowRow, all: readonly SlowRow[], width: number): string {
	const others = neighbours(request, all);
	if (others.length === 0) {
		return lineOf(width, [['dim', `no other slow request on ${request.device} in that time`]]);
	}
	return lineOf(width, [
		['dim', `slow on ${request.device} in the same time: `],
		...others.slice(0, 8).flatMap(({ name, count }): Span[] => [name, ['warn', ` ${formatCount(count)}`], '  ']),
	]);
}

/** As much as fits, the stages first. */
export function waterfallLines(
	request: SlowRow,
	all: readonly SlowRow[],
	fullPath: FullPath,
	width: number,
	height: number,
): string[] {
	const call = request.off_cpu ? callLines(request.off_cpu, width) : [noCallLine(fullPath, width)];
	const others = neighbourLine(request, all, width);
	const stages = stageLines(request, width, height);
	const sums = sumLines(request, width);
	const spare = height - stages.length - call.length - 1;
	const lines =
		spare < sums.length
			? [...stages, ...call, others]
			: spare < sums.length + 2
				? [...stages, ...sums, ...call, others]
				: [...stages, ...sums, '', ...call, '', others];
	return lines.slice(0, height);
}
