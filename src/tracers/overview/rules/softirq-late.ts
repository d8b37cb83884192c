import { type SafeText, safe } from '../../../lib/sanitize.ts';
import type { Ns } from '../../../lib/units.ts';
import type { IrqRow } from '../../irq/snapshot.ts';
import { duration, percent, perSecond } from '../format.ts';
import { equals, missingTab, ownerOf, topByCpu } from '../interval.ts';
import { excessOf, type Rule } from '../rule.ts';

const limits = { p99_ns: 10e6, perSecond: 50 };

/** From this share of a CPU on, a line is named as the cause. */
const BUSY = 0.5;

/** The line with the highest share of one CPU, if at least {@link BUSY}. */
function busiest(rows: readonly IrqRow[], dt_ns: Ns): { name: SafeText; cpu: number; share: number } | undefined {
	const [most] = rows
		.flatMap(({ name, cpus }) => cpus.map(({ cpu, time_ns }) => ({ name, cpu, share: time_ns / dt_ns })))
		.sort((a, b) => b.share - a.share);
	return most && most.share >= BUSY ? most : undefined;
}

/** A filter for the late softirq and the line named as the cause. */
function linesOf(late: SafeText, busy: SafeText | undefined): string {
	return busy === undefined || busy === late
		? equals('name', late)
		: `${equals('name', late)} or ${equals('name', busy)}`;
}

/** Deferred work starts long after its raise: ksoftirqd has it, and waits for a CPU. */
export const softirqLate = {
	id: 'softirq-late',
	level: 'notice',
	title: 'late softirqs',
	help: `One softirq in a hundred of a kind starts ${duration(limits.p99_ns)} or more after its raise, at ${limits.perSecond} a second or more. The text names a line that takes half of a CPU or more; without such a line, owner: the name with most CPU time.`,
	uncheckable: (interval) => missingTab(interval, 'irq'),
	check({ dt_ns, rows, sources: { irq } }) {
		const [top] = topByCpu(rows);
		const busy = busiest(irq?.rows ?? [], dt_ns);
		return (irq?.rows ?? []).flatMap(({ name, late }) => {
			if (!late || late.count === 0) return [];
			const rate = (late.count * 1e9) / dt_ns;
			// with a busy line, tasks are not the cause
			const cause = busy ? safe`; ${busy.name} takes ${percent(busy.share)} of cpu${busy.cpu}` : safe``;
			return [
				{
					about: name,
					excess: excessOf([late.p99_ns, limits.p99_ns], [rate, limits.perSecond]),
					subject: safe`softirq ${name}`,
					text: safe`starts ${duration(late.p99_ns)} late (p99 of ${perSecond(rate)}), at most ${duration(late.max_ns)}${cause}`,
					figures: { late_p99_ns: late.p99_ns, late_max_ns: late.max_ns, rate_per_s: rate },
					owner: busy ? null : ownerOf(safe`most CPU by`, top),
					ownerless: busy !== undefined,
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
} as const satisfies Rule;
