import { safe } from '../../../lib/sanitize.ts';
import { percent } from '../format.ts';
import { hottestText } from '../hot.ts';
import { processKey } from '../interval.ts';
import { excessOf, type Rule } from '../rule.ts';

const limits = { share: 0.25 };

/** wattlag itself takes much CPU time. */
export const ownCost = {
	id: 'own-cost',
	level: 'notice',
	// a start takes this much for two to four seconds
	beginsAfter: 5e9,
	title: 'own cost',
	help: `wattlag itself takes ${percent(limits.share)} of one CPU or more for 5 s, BPF programs and all threads included; a longer interval (-) reduces it.`,
	check({ dt_ns, own, rows, sources, hot }) {
		const tabs = Object.values(sources);
		const bpf = tabs.reduce((sum, { cost }) => sum + (cost.bpf_ns ?? 0), 0) / dt_ns;
		const cpu = (tabs[0]?.cost.cpu_ns ?? 0) / dt_ns;
		const row = rows.find(({ pid }) => pid === own);
		return [
			{
				about: 'cost',
				excess: excessOf([bpf + cpu, limits.share]),
				subject: safe`wattlag`,
				text: safe`takes ${percent(bpf + cpu)} of a CPU itself (BPF ${percent(bpf)})${hottestText(hot, { pid: own })}`,
				figures: { bpf_share: bpf, cpu_share: cpu },
				owner: null,
				link: {
					tab: 'energy',
					filter: `pid = ${own}`,
					group: 'process',
					...(row && { process: processKey(row) }),
				},
			},
		];
	},
} as const satisfies Rule;
