import { safe } from '../../../lib/sanitize.ts';
import { processKey, without } from '../moment.ts';
import { excessOf, type Rule } from '../rule.ts';
import { percent } from '../words.ts';

const limits = { share: 0.15, ofCpuTime: 0.25 };

/** Interrupts take a good part of a process's time on its CPUs. */
export const irqStolen: Rule = {
	id: 'irq-stolen',
	level: 'high',
	title: 'stolen time',
	help: `Interrupts took ${percent(limits.share)} of a CPU from one process, and ${percent(limits.ofCpuTime)} of its CPU time; softirqs that end its own system calls are among them.`,
	blind: (moment) => without(moment, 'irq'),
	look({ dt_ns, rows }) {
		return rows
			.flatMap((row) => {
				const stolen = row.stolen_ns ?? 0;
				// where interrupts are no part of CPU time a process can lose more than it has
				const ofCpuTime = stolen / Math.max(row.cpu_ns ?? 0, stolen);
				const excess = excessOf([stolen / dt_ns, limits.share], [ofCpuTime, limits.ofCpuTime]);
				return excess >= 0.5 ? [{ row, stolen, ofCpuTime, excess }] : [];
			})
			.sort((a, b) => b.excess - a.excess)
			.map(({ row, stolen, ofCpuTime, excess }) => ({
				about: processKey(row),
				excess,
				subject: safe`${row.comm}[${row.pid}]`,
				text: safe`loses ${percent(stolen / dt_ns)} of a CPU to interrupts, ${percent(ofCpuTime)} of its time`,
				figures: { stolen_share: stolen / dt_ns, of_cpu_time: ofCpuTime },
				owner: null,
				link: {
					tab: 'irq' as const,
					process: processKey(row),
					sort: 'time',
					group: 'process',
					// by pid: that tab writes threads of the kernel in brackets
					filter: `pid = ${row.pid}`,
				},
			}));
	},
};
