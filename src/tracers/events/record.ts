import { type SafeText, safe } from '../../lib/sanitize.ts';
import type { Ns } from '../../lib/units.ts';
import { NOT_KNOWN, type Reasons } from './reasons.ts';
import type { EventRecord } from './snapshot.ts';

/** An event of which only the kind, the reason and the time are known; the rest is to be filled in. */
export function bareRecord(
	{ kind, reason, origin }: Pick<EventRecord, 'kind' | 'reason' | 'origin'>,
	mono_ns: Ns,
	{ reasons, timeOf }: { reasons: Reasons; timeOf(mono_ns: Ns): string },
): EventRecord {
	const nothing: SafeText = safe``;
	return {
		time: timeOf(mono_ns),
		mono_ns,
		before_start: false,
		kind,
		reason,
		...reasons.of(kind, reason),
		who: NOT_KNOWN,
		pid: 0,
		start_time: 0,
		comm: nothing,
		cgroup: nothing,
		text: nothing,
		figures: {},
		protocol: nothing,
		source: null,
		destination: null,
		device: nothing,
		netns: 0,
		location: nothing,
		stack: [],
		origin,
	};
}
