import { safe } from '../../../lib/sanitize.ts';
import { count, percent, perSecond } from '../format.ts';
import { equals, missingTab, ownerOf, topNames } from '../interval.ts';
import { KEEP, type Rule } from '../rule.ts';

/** Too many interrupts of one line on one CPU, by the bounds of the interrupt tab. */
export const irqStorm = {
	id: 'irq-storm',
	level: 'high',
	title: 'interrupt storms',
	help: 'An interrupt line, softirq or vector reaches --irq-storm-rate or --irq-storm-share on a CPU. Owner: the name with most IRQ time; it may be the cause, since softirqs that end its own system calls are part of its IRQ time.',
	uncheckable: (interval) => missingTab(interval, 'irq'),
	check({ dt_ns, rows, sources: { irq } }) {
		if (!irq) return [];
		const { rate: mostPerSecond, share: mostOfCpu } = irq.storm_bounds;
		const storms = irq.rows.flatMap(({ kind, name, cpus }) =>
			cpus.map(({ cpu, count: handled, time_ns }) => {
				const [rate, share] = [(handled * 1e9) / dt_ns, time_ns / dt_ns];
				return { kind, name, cpu, rate, share, excess: Math.max(rate / mostPerSecond, share / mostOfCpu) };
			}),
		);
		const worst = new Map<string, (typeof storms)[number] & { cpus: number }>();
		for (const storm of storms) {
			const before = worst.get(`${storm.kind} ${storm.name}`);
			const cpus = (before?.cpus ?? 0) + Number(storm.excess >= 1);
			worst.set(`${storm.kind} ${storm.name}`, {
				...(before && before.excess >= storm.excess ? before : storm),
				cpus,
			});
		}
		const found = [...worst].filter(([, { excess }]) => excess >= KEEP);
		if (found.length === 0) return [];
		const [hit] = topNames(rows, ({ irq_time_ns }) => irq_time_ns);
		return found
			.sort(([, a], [, b]) => b.excess - a.excess)
			.slice(0, 8)
			.map(([about, { name, cpu, rate, share, excess, cpus }]) => ({
				about,
				excess,
				subject: safe`${name} on cpu${cpu}`,
				text: safe`${perSecond(rate)} interrupts, ${percent(share)} of the CPU${cpus > 1 ? safe` (a storm on ${count(cpus)} CPUs)` : safe``}`,
				figures: { cpu, rate_per_s: rate, cpu_share: share, storming_cpus: cpus },
				owner: ownerOf(safe`mostly during`, hit),
				link: { tab: 'irq' as const, group: 'line', sort: 'time', filter: equals('name', name) },
			}));
	},
} as const satisfies Rule;
