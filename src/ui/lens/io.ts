/** Lens: block IO of one process: bytes, latency, slow requests stage by stage, requests in flight. */

import { secondsOf } from '../../core/snapshot.ts';
import { formatBytes, formatCount, formatNs } from '../../lib/format.ts';
import { fitCells } from '../../lib/width.ts';
import type { ProcessId } from '../../system/process-id.ts';
import type { Span } from '../../term/theme.ts';
import { recentSlow } from '../../tracers/io/recent-slow.ts';
import type { IoProcess, SlowRequest } from '../../tracers/io/snapshot.ts';
import { countedOnce, sumStages } from '../../tracers/io/sum.ts';
import { lineOf } from '../widgets/line.ts';
import { stageTableLines } from '../widgets/stage-table.ts';
import { dim, type Histories, isSame, type LensContext, type Section, TREND } from './context.ts';

type IoSnapshot = Histories['io'][number];

function ioOf(process: ProcessId, snapshot: IoSnapshot): IoProcess | undefined {
	return snapshot.processes.find((one) => isSame(process, one.pid, one.start_time));
}

function slowOf({ process, histories }: LensContext, limit: number): SlowRequest[] {
	return recentSlow(histories.io, limit, ({ pid }) => pid === process.pid);
}

function slowLine(request: SlowRequest, width: number): string {
	const { total, ...stages } = request.stages;
	const parts = Object.entries(stages).map(([name, ns]) => `${name} ${formatNs(ns)}`);
	return lineOf(width, [
		['warn', fitCells(formatNs(total ?? Number.NaN), 7, 'right')],
		` ${fitCells(request.device, 8)} ${fitCells(request.op, 7)} ${fitCells(formatBytes(request.bytes), 6, 'right')}  `,
		['dim', parts.join('  ')],
	]);
}

/** Only where the tab measures this process alone: then the rows by device are its own. */
function stageLines({ process, histories, width }: LensContext): string[] {
	const last = histories.io.at(-1);
	if (!last || !ioOf(process, last)) return [];
	const byDevice = last.rows.every(({ dev }) => dev !== '');
	if (last.filter !== `pid ${process.pid}` || !byDevice)
		return [lineOf(width, [['dim', 'stages of all its requests: tab Disk IO, F (it alone), t (by operation)']])];
	return stageTableLines({
		stages: sumStages(countedOnce(last.rows)),
		note: '',
		roleOf: () => 'series1',
		name: 'all its requests',
		chosen: null,
		width,
		height: 12,
	});
}

function inflightLines({ process, histories, width }: LensContext): string[] {
	const mine = histories.io.at(-1)?.inflight.filter(({ pid }) => pid === process.pid) ?? [];
	return mine
		.slice(0, 4)
		.map(({ device, op, bytes, stage, age_ns }) =>
			lineOf(width, [
				['dim', 'in flight '],
				['warn', formatNs(age_ns)],
				` ${device} ${op} ${formatBytes(bytes)} in ${stage}`,
			]),
		);
}

export const ioSection: Section = {
	tab: 'io',
	title: 'Disk IO',
	trend: ({ process, histories }) =>
		histories.io.slice(-TREND).map((snapshot) => {
			const io = ioOf(process, snapshot);
			return io ? io.bytes_read + io.bytes_written : 0;
		}),
	figures(context) {
		const last = context.histories.io.at(-1);
		if (!last) return [['dim', 'attaching…']];
		const io = ioOf(context.process, last);
		const slow = slowOf(context, 100).length;
		const tail: Span[] =
			slow > 0
				? [
						['dim', '  slow '],
						['warn', slow < 100 ? `${slow}` : '≥100'],
					]
				: [];
		if (!io) return [['dim', 'none in this interval'], ...tail];
		const seconds = secondsOf(last);
		return [
			['strong', formatBytes(io.bytes_read / seconds)],
			['dim', '/s read  '],
			['strong', formatBytes(io.bytes_written / seconds)],
			['dim', '/s written  p99 '],
			formatNs(io.p99_ns),
			['dim', '  max '],
			formatNs(io.max_ns),
			['dim', '  requests '],
			formatCount(io.count),
			['dim', '  since start '],
			formatBytes(io.bytes_total),
			...tail,
		];
	},
	details(context) {
		const slow = slowOf(context, context.tall ? 10 : 5);
		const over = formatNs(context.histories.io.at(-1)?.slow_threshold_ns ?? Number.NaN);
		const inflight = inflightLines(context);
		const stages = stageLines(context);
		if (slow.length === 0) return [...stages, ...inflight];
		return [
			...stages,
			...inflight,
			dim(`its requests over ${over}, newest first`),
			...slow.map((one) => slowLine(one, context.width)),
		];
	},
};
