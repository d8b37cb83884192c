import { type SafeText, safe } from '../../../lib/sanitize.ts';
import type { IoRow, SlowRequest } from '../../io/snapshot.ts';
import type { Owner } from '../finding.ts';
import { duration, number, percent } from '../format.ts';
import { equals, type Interval, missingTab, ownerOf, submitter, topNames, untracked } from '../interval.ts';
import { excessOf, type Rule } from '../rule.ts';

const limits = { perSecond: 5, share: 0.05 };

/** Requests of a row at or above the threshold, from its histogram. */
function slowCount(row: IoRow, threshold: number): number {
	const buckets = row.stages['total']?.buckets ?? [];
	return buckets.reduce((sum, [upper, count]) => (upper > threshold ? sum + count : sum), 0);
}

const PLURALS: Readonly<Record<string, SafeText>> = {
	all: safe`requests`,
	read: safe`reads`,
	write: safe`writes`,
	flush: safe`flushes`,
	discard: safe`discards`,
	zone_append: safe`zone appends`,
};

const plural = (op: SafeText): SafeText => PLURALS[op] ?? safe`${op} requests`;

/** The known process that queued most of the slow requests. */
function issuer(slow: readonly SlowRequest[], { rows }: Interval): Owner | null {
	const byPid = new Map<number, { request: SlowRequest; count: number }>();
	for (const request of slow) {
		if (request.pid === 0) continue;
		const seen = byPid.get(request.pid);
		if (seen) seen.count++;
		else byPid.set(request.pid, { request, count: 1 });
	}
	const [most] = [...byPid.values()].sort((a, b) => b.count - a.count);
	if (!most) return ownerOf(safe`most IO by`, topNames(rows, ({ io_bytes }) => io_bytes)[0]);
	const processes = [...byPid.values()].filter(({ request }) => request.comm === most.request.comm).length;
	return submitter(safe`from`, most.request, rows, processes);
}

/** The stage that is the longest one of most slow requests, and the share of these requests. */
function stageOf(slow: readonly SlowRequest[]): { stage: SafeText; share: number } {
	const counts = new Map<SafeText, number>();
	for (const { stages } of slow) {
		const parts = Object.entries(stages).filter(([name]) => name !== 'total');
		// stage names of the tracer are safe
		const longest = (parts.sort(([, a], [, b]) => b - a)[0]?.[0] ?? 'device') as SafeText;
		counts.set(longest, (counts.get(longest) ?? 0) + 1);
	}
	const [[stage, count] = [safe`device`, 0]] = [...counts].sort(([, a], [, b]) => b - a);
	return { stage, share: slow.length > 0 ? count / slow.length : 0 };
}

/** Requests of one operation take long on a device, in the device or in its queue. */
export const slowDevice = {
	id: 'slow-device',
	level: 'high',
	title: 'slow devices',
	help: `${percent(limits.share)} of a device's requests of one kind, and at least ${limits.perSecond} a second, take as long as --slow or longer. Owner: the process that queued most of them, else the name with most IO.`,
	uncheckable: (interval) =>
		missingTab(interval, 'io') ??
		untracked(interval) ??
		(interval.sources.io?.slow_threshold_ns === 0 ? safe`every request is slow (--slow 0)` : undefined),
	check(interval) {
		const { dt_ns, sources } = interval;
		const { io } = sources;
		if (!io) return [];
		return io.rows
			.flatMap((row) => {
				const slow = slowCount(row, io.slow_threshold_ns);
				const share = slow / row.count;
				const excess = excessOf([(slow * 1e9) / dt_ns, limits.perSecond], [share, limits.share]);
				if (excess < 0.5) return [];
				const listed = io.slow.filter(({ device, op }) => device === row.device && (op === row.op || row.op === 'all'));
				const longest = stageOf(listed);
				const total = row.stages['total'];
				// Little's law: requests inside, on average
				const depth = ((total?.mean_ns ?? 0) * (total?.count ?? 0)) / dt_ns;
				const requests = plural(row.op);
				const where =
					listed.length > 0
						? safe`${percent(longest.share)} of slow ${requests} wait in the ${longest.stage}`
						: safe`${percent(share)} of ${requests} are slow`;
				return [
					{
						about: `${row.device} ${row.op}`,
						excess,
						subject: row.device,
						text: safe`${where}, queue depth ${number(depth)} (p99 ${duration(total?.p99_ns ?? 0)})`,
						figures: {
							slow,
							slow_share: share,
							stage_share: longest.share,
							in_device: Number(longest.stage === 'device'),
							queue_depth: depth,
							p99_ns: total?.p99_ns ?? 0,
						},
						unowned: safe`no process is known that queued them`,
						owner: issuer(listed, interval),
						// what waits for it is in the pressure of the machine; not known: some
						touches: Math.min(1, interval.pressure ? (interval.pressure.io?.some_ns ?? 0) / dt_ns : 0.3),
						link: {
							tab: 'io' as const,
							group: 'operation',
							sort: 'total_p99',
							filter: `${equals('device', row.device)}${row.op === 'all' ? '' : ` and ${equals('op', row.op)}`}`,
						},
					},
				];
			})
			.sort((a, b) => b.excess - a.excess);
	},
} as const satisfies Rule;
