/** Lens: waits of one process for a CPU, and the processes that ran meanwhile. */

import { secondsOf } from '../../core/snapshot.ts';
import { formatCount, formatNs, formatRate, formatShare } from '../../lib/format.ts';
import { fitCells } from '../../lib/width.ts';
import type { Span } from '../../term/theme.ts';
import { histogramLines } from '../widgets/histogram.tsx';
import { lineOf } from '../widgets/line.ts';
import { dim, isSame, type LensContext, newest, notYet, type Section, TREND, waitsOf } from './context.ts';

function latest({ process, histories }: LensContext) {
	return newest(histories.runqlat, (snapshot) => waitsOf(process, snapshot));
}

/** Processes that had the CPU while it was in the queue. */
function culprits(context: LensContext): string[] {
	const { process, histories, width, tall } = context;
	const last = histories.runqlat.at(-1);
	const focused = last?.focus?.process ?? undefined;
	const blamed = last?.culprits.find(({ pid }) => pid === process.pid);
	if (!blamed || (focused && !isSame(process, focused.key.id, focused.key.start_time ?? 0))) {
		if (last?.focus) return [dim('ran meanwhile: not known in this interval')];
		return [dim(`ran meanwhile: ${notYet(context)}`)];
	}
	const head = `${fitCells('SHARE', 7, 'right')} ${fitCells('WAIT', 8, 'right')} ${fitCells('TURNS', 6, 'right')}  RAN MEANWHILE`;
	return [
		lineOf(width, [['dim', head]]),
		...blamed.culprits
			.slice(0, tall ? 10 : 5)
			.map(({ pid, comm, wait_ns, turns }) =>
				lineOf(width, [
					fitCells(formatShare(wait_ns / blamed.wait_ns), 7, 'right'),
					' ',
					['warn', fitCells(formatNs(wait_ns), 8, 'right')],
					` ${fitCells(formatCount(turns), 6, 'right')}  ${comm}${pid > 0 ? `[${pid}]` : ''}`,
				]),
			),
	];
}

export const waitsSection: Section = {
	tab: 'runqlat',
	title: 'Run queue',
	trend: ({ process, histories }) =>
		histories.runqlat.slice(-TREND).map((snapshot) => {
			const row = waitsOf(process, snapshot);
			return row ? row.wait_ns / snapshot.dt_ns : Number.NaN;
		}),
	figures(context) {
		const found = latest(context);
		if (!found) return [['dim', context.histories.runqlat.length > 0 ? 'has not waited for a CPU yet' : 'attaching…']];
		const { row, snapshot, now } = found;
		// oldest first; shown where it is longer than every wait that ended
		const longest = now ? snapshot.waiting.find(({ pid }) => pid === context.process.pid) : undefined;
		const queued = longest && longest.age_ns > row.max_ns ? longest : undefined;
		const seconds = secondsOf(snapshot);
		const part = (title: string, ns: number): Span[] => [['dim', `  ${title} `], formatNs(ns)];
		return [
			['strong', formatNs(row.wait_ns / seconds)],
			['dim', '/s waiting'],
			...(queued
				? ([
						['dim', '  now for '],
						['warn', formatNs(queued.age_ns)],
						['dim', ` on cpu${queued.cpu}`],
					] as Span[])
				: []),
			...part('p50', row.p50_ns),
			...part('p99', row.p99_ns),
			...part('max', row.max_ns),
			['dim', '  runs/s '],
			formatRate(row.count / seconds),
			...(row.involuntary === undefined
				? []
				: ([['dim', '  preempted/s '], formatRate(row.involuntary / seconds)] as Span[])),
		];
	},
	details(context) {
		const found = latest(context);
		if (!found) return [];
		const { row, now } = found;
		const { logarithmic, width, tall } = context;
		const { buckets, p50_ns: p50, p99_ns: p99 } = row;
		if (buckets.length === 0)
			return [dim(now ? 'no wait for a CPU ended in this interval' : 'its last distribution is no longer kept')];
		const bars = histogramLines({ buckets, p50, p99, logarithmic, width, height: tall ? 14 : 8 });
		return [dim(`time from runnable to running${logarithmic ? ', logarithmic' : ''}`), ...bars, ...culprits(context)];
	},
};
