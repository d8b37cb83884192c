import { type SafeText, safe } from '../../../lib/sanitize.ts';
import type { Ns } from '../../../lib/units.ts';
import type { IrqRow } from '../../irq/snapshot.ts';
import { equals, ownerOf, topNames, without } from '../moment.ts';
import { excessOf, type Rule } from '../rule.ts';
import { duration, percent, perSecond } from '../words.ts';

const limits = { p99_ns: 10e6, perSecond: 50 };

/** From this share of a CPU on interrupts are what is in the way. */
const BUSY = 0.5;

/** The line that takes most of a CPU, and that is much. */
function busiest(rows: readonly IrqRow[], dt_ns: Ns): { name: SafeText; cpu: number; share: number } | undefined {
	const [most] = rows
		.flatMap(({ name, cpus }) => cpus.map(({ cpu, time_ns }) => ({ name, cpu, share: time_ns / dt_ns })))
		.sort((a, b) => b.share - a.share);
	return most && most.share >= BUSY ? most : undefined;
}

/** The late one, and the one in its way. */
function linesOf(late: SafeText, busy: SafeText | undefined): string {
	return busy === undefined || busy === late
		? equals('name', late)
		: `${equals('name', late)} or ${equals('name', busy)}`;
}

/** Deferred work starts long after it was raised: ksoftirqd has it, and waits for its turn. */
export const softirqLate: Rule = {
	id: 'softirq-late',
	level: 'notice',
	title: 'late softirqs',
	help: `One softirq in a hundred of a kind starts ${duration(limits.p99_ns)} or more after it was raised, with ${limits.perSecond} a second or more. The line that takes half of a CPU or more is named as in the way; without one, owner: the name with most CPU time.`,
	blind: (moment) => without(moment, 'irq'),
	look({ dt_ns, rows, sources: { irq } }) {
		const [top] = topNames(rows, ({ cpu_ns }) => cpu_ns);
		const busy = busiest(irq?.rows ?? [], dt_ns);
		return (irq?.rows ?? []).flatMap(({ name, late }) => {
			if (!late || late.count === 0) return [];
			const rate = (late.count * 1e9) / dt_ns;
			// tasks are not in the way of what softirqs hold up
			const behind = busy ? safe`; ${busy.name} takes ${percent(busy.share)} of cpu${busy.cpu}` : safe``;
			return [
				{
					about: name,
					excess: excessOf([late.p99_ns, limits.p99_ns], [rate, limits.perSecond]),
					subject: safe`softirq ${name}`,
					text: safe`starts ${duration(late.p99_ns)} late (p99 of ${perSecond(rate)}), at most ${duration(late.max_ns)}${behind}`,
					figures: { late_p99_ns: late.p99_ns, late_max_ns: late.max_ns, rate_per_s: rate },
					owner: busy ? null : ownerOf(safe`most CPU by`, top),
					link: {
						tab: 'irq' as const,
						view: 'lateness',
						group: 'line',
						sort: 'late_p99_ns',
						filter: linesOf(name, busy?.name),
					},
				},
			];
		});
	},
};
