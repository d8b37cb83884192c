/** Lens: time that interrupts took from one process while it had the CPU. */

import { formatCount, formatNs, formatShare } from '../../lib/format.ts';
import type { ProcessId } from '../../system/process-id.ts';
import type { Span } from '../../term/theme.ts';
import type { IrqTime } from '../../tracers/irq/snapshot.ts';
import { lineOf } from '../widgets/line.ts';
import { type Histories, isSame, type LensContext, newest, type Section, TREND } from './context.ts';

type IrqSnapshot = Histories['irq'][number];

function irqTimeOf(process: ProcessId, snapshot: IrqSnapshot): IrqTime | undefined {
	return snapshot.irq_time.find((one) => isSame(process, one.pid, one.start_time));
}

/** The processes with most IRQ time are listed; that of a process outside of the list is known only where all are listed. */
function unlisted({ irq_time, irq_time_count }: IrqSnapshot): number {
	return irq_time_count > irq_time.length ? Number.NaN : 0;
}

function parts({ hard_ns, soft_ns, vector_ns, count }: IrqTime, { dt_ns }: IrqSnapshot): Span[] {
	return [
		['dim', '  hard '],
		formatShare(hard_ns / dt_ns),
		['dim', '  soft '],
		formatShare(soft_ns / dt_ns),
		['dim', '  vector '],
		formatShare(vector_ns / dt_ns),
		`  ${formatCount(count)}`,
		['dim', count === 1 ? ' time' : ' times'],
	];
}

export const interruptsSection: Section = {
	tab: 'irq',
	title: 'Interrupts',
	trend: ({ process, histories }) =>
		histories.irq.slice(-TREND).map((snapshot) => {
			const irqTime = irqTimeOf(process, snapshot);
			return irqTime ? irqTime.time_ns / snapshot.dt_ns : unlisted(snapshot);
		}),
	figures({ process, histories }) {
		const last = histories.irq.at(-1);
		if (!last) return [['dim', 'attaching…']];
		const irqTime = irqTimeOf(process, last);
		if (irqTime) {
			return [
				['strong', formatShare(irqTime.time_ns / last.dt_ns)],
				['dim', ' of a CPU in interrupts'],
				...parts(irqTime, last),
			];
		}
		return [
			[
				'dim',
				Number.isNaN(unlisted(last)) ? `not among the ${last.irq_time.length} with most IRQ time` : 'no IRQ time',
			],
		];
	},
	details({ process, histories, width }: LensContext) {
		const found = newest(histories.irq, (snapshot) => irqTimeOf(process, snapshot));
		if (!found) return [];
		const { row, snapshot } = found;
		return [
			lineOf(width, [
				['dim', 'since start '],
				formatNs(row.time_ns_total),
				['dim', ' in '],
				formatCount(row.count_total),
				['dim', ' interruptions, '],
				formatNs(row.time_ns_total / Math.max(1, row.count_total)),
				['dim', ' each'],
				...(found.now ? [] : ([['dim', `   last ${snapshot.time.slice(11, 19)} UTC`]] as Span[])),
			]),
		];
	},
};
