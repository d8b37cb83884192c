/** Lens: where the time of a process's threads goes, as one bar that adds up to the whole. */
import { formatNs, formatRate, formatShare } from '../../lib/format.ts';
import { safe } from '../../lib/sanitize.ts';
import type { Ns } from '../../lib/units.ts';
import type { Role, Span } from '../../term/theme.ts';
import type { OverviewRow, TimePart, Waker } from '../../tracers/overview/snapshot.ts';
import { sleepReasons } from '../../tracers/overview/tasks/reasons.ts';
import { lineOf, wrapSpans } from '../widgets/line.ts';
import { type LensContext, notYet, overviewOf, type Section, TREND } from './context.ts';

type Time = NonNullable<OverviewRow['time_ns']>;

/** In the order of the bar: what it does, what it is kept from, then sleep, the reasons that others cause first. */
const parts: readonly TimePart[] = ['cpu', 'irq', 'runnable', ...sleepReasons];

const names: Partial<Record<TimePart, string>> = { cpu: 'on CPU', irq: 'interrupts', runnable: 'waits for a CPU' };
const nameOf = (part: TimePart): string => names[part] ?? part;

/** Reasons that are normal for a thread that has nothing to do. */
const resting: ReadonlySet<TimePart> = new Set(['poll', 'timer', 'child', 'signal', 'event', 'terminal']);

function lookOf(part: TimePart): { glyph: string; role: Role } {
	if (part === 'cpu') return { glyph: '█', role: 'good' };
	if (part === 'irq') return { glyph: '▚', role: 'accent' };
	if (part === 'runnable') return { glyph: '▓', role: 'bad' };
	return resting.has(part) ? { glyph: '░', role: 'dim' } : { glyph: '▒', role: 'warn' };
}

const sumOf = (time: Time): Ns => Object.values(time).reduce((sum, ns) => sum + ns, 0);

/** Parts above 0 in the order of the bar. */
function sharesOf(time: Time): { part: TimePart; share: number }[] {
	const sum = sumOf(time);
	return parts.flatMap((part) => {
		const share = (time[part] ?? 0) / sum;
		return share > 0 ? [{ part, share }] : [];
	});
}

/** Cells of each part, whose sum is the width: the largest remainders get the cells that rounding leaves. */
export function cellsOf(shares: readonly number[], width: number): number[] {
	const exact = shares.map((share) => share * width);
	const cells = exact.map(Math.floor);
	const left = width - cells.reduce((sum, count) => sum + count, 0);
	const order = exact
		.map((value, index) => ({ index, rest: value - Math.floor(value) }))
		.sort((a, b) => b.rest - a.rest);
	for (const { index } of order.slice(0, Math.max(0, left))) cells[index] = (cells[index] ?? 0) + 1;
	return cells;
}

function barSpans(time: Time, width: number): Span[] {
	const shares = sharesOf(time);
	const cells = cellsOf(
		shares.map(({ share }) => share),
		width,
	);
	return shares.map(({ part }, index): Span => {
		const { glyph, role } = lookOf(part);
		return [role, glyph.repeat(cells[index] ?? 0)];
	});
}

function legend(time: Time): Span[] {
	return sharesOf(time)
		.sort((a, b) => b.share - a.share)
		.flatMap(({ part, share }): Span[] => {
			const { glyph, role } = lookOf(part);
			return [[role, `${glyph} `], `${nameOf(part)} `, ['strong', formatShare(share)], '  '];
		});
}

const WAKERS = 6;

/** `woken by  postgres[812] 120/s · received packets (softirq NET_RX) 31.0/s`. */
function wakerLines(wakers: readonly Waker[], dt_ns: Ns, width: number, label: number): string[] {
	if (wakers.length === 0 || dt_ns <= 0) return [];
	const spans = wakers.slice(0, WAKERS).flatMap(({ by, comm, pid, tid, count, ago_ns }): Span[] => {
		const who = by === 'interrupt' ? comm : by === 'thread' ? safe`its thread ${comm}[${tid}]` : safe`${comm}[${pid}]`;
		const often = count > 0 ? `${formatRate((count * 1e9) / dt_ns)}/s` : `${formatNs(ago_ns)} ago`;
		return [`${who} `, ['strong', often], '  '];
	});
	return wrapSpans(spans, width - label).map((part, index) =>
		lineOf(width, [['dim', (index === 0 ? 'woken by' : '').padEnd(label)], ...part]),
	);
}

function timesOf({ process, histories }: LensContext): Time[] {
	return histories.overview.slice(-TREND).flatMap((snapshot) => overviewOf(process, snapshot)?.time_ns ?? []);
}

function total(times: readonly Time[]): Time {
	const sum: Time = {};
	for (const time of times)
		for (const [part, ns] of Object.entries(time) as [TimePart, Ns][]) sum[part] = (sum[part] ?? 0) + ns;
	return sum;
}

export const timeSection: Section = {
	tab: 'overview',
	title: 'Where its time goes',
	figures(context) {
		const row = overviewOf(context.process, context.histories.overview.at(-1));
		// the interval of the exit has none: the last one before it, as in the details
		const time = row?.time_ns ?? (context.exited ? timesOf(context).at(-1) : undefined);
		if (!time || sumOf(time) === 0) return [['dim', notYet(context)]];
		return [...barSpans(time, Math.min(20, Math.max(8, context.width - 60))), '  ', ...legend(time).slice(0, 12)];
	},
	details(context) {
		const newest = context.histories.overview.at(-1);
		const times = timesOf(context);
		const last = times.at(-1);
		if (!last || sumOf(last) === 0) return [];
		const sum = total(times);
		const row = overviewOf(context.process, newest);
		const label = 10;
		const width = Math.max(10, context.width - label);
		const line = (title: string, time: Time): string[] => [
			lineOf(context.width, [['dim', title.padEnd(label)], ...barSpans(time, width)]),
			...wrapSpans(legend(time), width).map((spans) => lineOf(context.width, [' '.repeat(label), ...spans])),
		];
		return [
			...line('now', last),
			...(times.length > 1 ? line('so far', sum) : []),
			...wakerLines(newest?.wakers ?? [], newest?.dt_ns ?? 0, context.width, label),
			...wrapSpans(
				[
					[
						'dim',
						`100 % is ${formatNs(sumOf(sum))} of its threads in ${times.length} ${times.length === 1 ? 'interval' : 'intervals'}; sleep ${newest?.exact ? 'as measured' : 'by the reason at the end of each'}${row?.wchan ? `; now in ${row.wchan}` : ''}`,
					],
				],
				context.width,
			).map((spans) => lineOf(context.width, spans)),
		];
	},
};
