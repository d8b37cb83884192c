import { type SafeText, safe } from '../../../lib/sanitize.ts';
import type { Inflight } from '../../io/snapshot.ts';
import { count, duration } from '../format.ts';
import { equals, type Interval, missingTab, submitter, untracked } from '../interval.ts';
import { excessOf, type Rule } from '../rule.ts';
import { blockedWitness, pressureWitness } from '../witnesses.ts';

const limits = { age_ns: 1e9 };

/** Operations that something waits for. Erasing much takes long by nature, and so do commands from user space. */
const WAITED_FOR: ReadonlySet<string> = new Set(['read', 'write', 'flush', 'write_same', 'zone_append']);

const PLACES: Readonly<Record<string, SafeText>> = {
	request: safe`waiting for a request or a flush`,
	queue: safe`in the queue`,
};

/** Its thread sleeps uninterruptibly. The task iterator and proc say so from the same state: one witness. */
function threadWitness(interval: Interval, { pid, witness }: Inflight): SafeText[] {
	const seen = blockedWitness(interval, pid);
	if (seen.length > 0 || witness !== 'owner') return seen;
	return [safe`proc: the thread that waits has slept uninterruptibly since the interval before`];
}

/**
 * A request in flight for so long that its waiting task is blocked. A completion may have been hidden from our programs,
 * so a second witness is required.
 */
export const stuckIo = {
	id: 'stuck-io',
	level: 'severe',
	title: 'stuck IO',
	help: `A block request has been in flight for ${duration(limits.age_ns)} or longer: a read, write or flush that the kernel counts as in flight as well, or whose thread sleeps uninterruptibly. Severe only with two witnesses of these: the kernel's count of requests in flight, the state of its thread, PSI; else high. Owner: the process that queued the oldest one.`,
	uncheckable: (interval) => missingTab(interval, 'io') ?? untracked(interval),
	check(interval) {
		const { rows, sources } = interval;
		const { io } = sources;
		if (!io) return [];
		const oldest = new Map<string, Inflight[]>();
		// oldest first
		for (const request of io.inflight) {
			if (request.age_ns < limits.age_ns * 0.5) break;
			if (!WAITED_FOR.has(request.op) || request.witness === undefined) continue;
			oldest.set(request.device, [...(oldest.get(request.device) ?? []), request]);
		}
		return [...oldest].map(([device, requests]) => {
			const [first] = requests as [Inflight];
			const old = requests.filter(({ age_ns }) => age_ns >= limits.age_ns).length;
			const others = old > 1 ? safe`, and ${count(old - 1)} more` : safe``;
			return {
				about: device,
				excess: excessOf([first.age_ns, limits.age_ns]),
				subject: first.device,
				text: safe`${first.op} ${PLACES[first.stage] ?? safe`in the device`} for ${duration(first.age_ns)}${others}`,
				figures: { age_ns: first.age_ns, stuck: old, inflight: io.inflight_count },
				unowned: safe`the process that queued it is not known`,
				owner: submitter(safe`from`, first, rows),
				witnesses: [
					...(first.witness === 'kernel' ? [safe`sysfs: ${first.device} counts requests in flight`] : []),
					...threadWitness(interval, first),
					...pressureWitness(interval, 'io'),
				],
				touches: Math.min(1, (interval.pressure?.io?.some_ns ?? 0) / interval.dt_ns),
				link: { tab: 'io' as const, view: 'in flight', filter: equals('device', first.device) },
			};
		});
	},
} as const satisfies Rule;
