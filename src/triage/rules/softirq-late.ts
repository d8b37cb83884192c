import { safe } from '../../sanitize.ts';
import { equals, ownerOf, topNames, without } from '../moment.ts';
import { excessOf, type Rule } from '../rule.ts';
import { duration, perSecond } from '../words.ts';

const limits = { p99_ns: 10e6, perSecond: 50 };

/** Deferred work starts long after it was raised: ksoftirqd has it, and waits for its turn. */
export const softirqLate: Rule = {
	id: 'softirq-late',
	level: 'notice',
	title: 'late softirqs',
	help: `One softirq in a hundred of a kind starts ${duration(limits.p99_ns)} or more after it was raised, with ${limits.perSecond} a second or more. Owner: the name with most CPU time.`,
	blind: (moment) => without(moment, 'irq'),
	look({ dt_ns, rows, sources: { irq } }) {
		const [top] = topNames(rows, ({ cpu_ns }) => cpu_ns);
		return (irq?.rows ?? []).flatMap(({ name, late }) => {
			if (!late || late.count === 0) return [];
			const rate = (late.count * 1e9) / dt_ns;
			return [
				{
					about: name,
					excess: excessOf([late.p99_ns, limits.p99_ns], [rate, limits.perSecond]),
					subject: safe`softirq ${name}`,
					text: safe`starts ${duration(late.p99_ns)} late (p99 of ${perSecond(rate)}), at most ${duration(late.max_ns)}`,
					figures: { late_p99_ns: late.p99_ns, late_max_ns: late.max_ns, rate_per_s: rate },
					owner: ownerOf(safe`most CPU by`, top),
					link: { tab: 'irq' as const, group: 'line', sort: 'late_p99_ns', filter: equals('name', name) },
				},
			];
		});
	},
};
