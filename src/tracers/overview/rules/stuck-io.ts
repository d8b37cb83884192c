import { safe } from '../../../lib/sanitize.ts';
import type { Inflight } from '../../io/snapshot.ts';
import { equals, notFollowed, without } from '../moment.ts';
import { excessOf, type Rule } from '../rule.ts';
import { count, duration } from '../words.ts';

const limits = { age_ns: 1e9 };

/** A request has been under way for so long that whoever waits for it stands still. */
export const stuckIo: Rule = {
	id: 'stuck-io',
	level: 'severe',
	title: 'stuck IO',
	help: `A block request has been in flight for ${duration(limits.age_ns)} or longer. Owner: who queued the oldest one.`,
	blind: (moment) => without(moment, 'io') ?? notFollowed(moment),
	look({ sources: { io }, rows }) {
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
};
