import { safe } from '../../../lib/sanitize.ts';
import type { Inflight } from '../../io/snapshot.ts';
import { count, duration } from '../format.ts';
import { equals, missingTab, untracked } from '../interval.ts';
import { excessOf, type Rule } from '../rule.ts';

const limits = { age_ns: 1e9 };

/** A request in flight for so long that its waiting task is blocked. */
export const stuckIo = {
	id: 'stuck-io',
	level: 'severe',
	title: 'stuck IO',
	help: `A block request has been in flight for ${duration(limits.age_ns)} or longer. Owner: the process that queued the oldest one.`,
	uncheckable: (interval) => missingTab(interval, 'io') ?? untracked(interval),
	check({ sources: { io }, rows }) {
		if (!io) return [];
		const oldest = new Map<string, Inflight[]>();
		// oldest first
		for (const request of io.inflight) {
			if (request.age_ns < limits.age_ns * 0.5) break;
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
				text: safe`${first.op} in the ${first.stage === 'queue' ? safe`queue` : safe`device`} for ${duration(first.age_ns)}${others}`,
				figures: { age_ns: first.age_ns, stuck: old, inflight: io.inflight_count },
				owner: {
					role: safe`from`,
					pid: first.pid,
					start_time: rows.find(({ pid }) => pid === first.pid)?.start_time ?? 0,
					comm: first.comm,
					processes: 1,
				},
				link: { tab: 'io' as const, view: 'in flight', filter: equals('device', first.device) },
			};
		});
	},
} as const satisfies Rule;
