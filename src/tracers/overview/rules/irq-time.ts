import { safe } from '../../../lib/sanitize.ts';
import { percent } from '../format.ts';
import { missingTab, processKey } from '../interval.ts';
import { excessOf, type Rule } from '../rule.ts';

const limits = { share: 0.15, ofCpuTime: 0.25 };

/** Interrupts take a large part of a process's time on CPUs. */
export const irqTimeRule = {
	id: 'irq-time',
	level: 'high',
	title: 'IRQ time',
	help: `Interrupts took ${percent(limits.share)} of a CPU from one process, and ${percent(limits.ofCpuTime)} of its CPU time; softirqs that end its own system calls are included.`,
	uncheckable: (interval) => missingTab(interval, 'irq'),
	check({ dt_ns, rows }) {
		return rows
			.flatMap((row) => {
				const irqTime = row.irq_time_ns ?? 0;
				if (irqTime === 0) return [];
				// if CPU time excludes interrupts, IRQ time may be more than CPU time
				const ofCpuTime = irqTime / Math.max(row.cpu_ns ?? 0, irqTime);
				const excess = excessOf([irqTime / dt_ns, limits.share], [ofCpuTime, limits.ofCpuTime]);
				return excess >= 0.5 ? [{ row, irqTime, ofCpuTime, excess }] : [];
			})
			.sort((a, b) => b.excess - a.excess)
			.map(({ row, irqTime, ofCpuTime, excess }) => ({
				about: processKey(row),
				excess,
				subject: safe`${row.comm}[${row.pid}]`,
				text: safe`loses ${percent(irqTime / dt_ns)} of a CPU to interrupts, ${percent(ofCpuTime)} of its time`,
				figures: { irq_time_share: irqTime / dt_ns, of_cpu_time: ofCpuTime },
				owner: null,
				link: {
					tab: 'irq' as const,
					process: processKey(row),
					sort: 'time',
					group: 'process',
					// by pid, since that tab writes kernel threads in brackets
					filter: `pid = ${row.pid}`,
				},
			}));
	},
} as const satisfies Rule;
