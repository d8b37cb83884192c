/** Lines above the table. */

import type { Snapshot } from '../../../core/snapshot.ts';
import { formatCount, formatRate, formatShare } from '../../../lib/format.ts';
import type { Span } from '../../../term/theme.ts';
import type { IrqExtra, IrqRow } from '../../../tracers/irq/snapshot.ts';
import { cpuSpans, irqShares } from './cpus.ts';

function totalSpans(snapshot: Snapshot<IrqRow, IrqExtra>): Span[] {
	const shares = irqShares(snapshot);
	return [
		['strong', formatShare(shares.total)],
		' of one CPU in interrupts',
		['dim', ` (${snapshot.cpu_share.length} CPUs)   `],
		`hard ${formatShare(shares.hard)}`,
		['dim', '   '],
		`soft ${formatShare(shares.soft)}`,
		['dim', '   '],
		`vector ${formatShare(shares.vector)}`,
	];
}

/** The worst storm and the threshold; empty: no storm. */
function stormSpans({ storms, storm_bounds }: Snapshot<IrqRow, IrqExtra>): Span[] {
	const [worst, ...others] = [...storms].sort((a, b) => b.share - a.share);
	if (!worst) return [];
	return [
		['alert', ' STORM '],
		' ',
		['bad', worst.name],
		` on cpu${worst.cpu}: ${formatRate(worst.rate)}/s, ${formatShare(worst.share)} of it`,
		['dim', others.length > 0 ? `, and ${others.length} more` : ''],
		['dim', `   (from ${formatCount(storm_bounds.rate, 6)}/s or ${formatShare(storm_bounds.share)} of a CPU on)`],
	];
}

const irqTimeHint: Span[] = [
	['strong', 'IRQ time'],
	['dim', ': time in interrupts while these had the CPU; a cgroup filter selects the interrupted tasks, not the cause'],
];

export function summaryOf(snapshot: Snapshot<IrqRow, IrqExtra>, width: number): Span[][] {
	const storm = stormSpans(snapshot);
	const byTask = snapshot.group === 'process' || snapshot.group === 'cgroup';
	return [
		totalSpans(snapshot),
		...(storm.length > 0 ? [storm] : []),
		...(byTask ? [irqTimeHint] : []),
		...(storm.length > 0 || byTask ? [] : [cpuSpans(snapshot, width)]),
	];
}
