/** Groups of events by kind, reason and who, with exact counts: the rows of the tab. */
import type { SafeText } from '../../lib/sanitize.ts';
import type { Count, Ns } from '../../lib/units.ts';
import type { Reasons } from './reasons.ts';
import type { EventKind, EventRow, EventSeverity } from './snapshot.ts';

/** Process, socket, device or group of an event. */
export interface Who {
	name: SafeText;
	pid: number;
	start_time: Ns;
	comm: SafeText;
	cgroup: SafeText;
	netns: number;
	protocol: SafeText;
}

/** What is added to a group. */
export interface Added {
	count: Count;
	recorded: Count;
	suppressed: Count;
	bytes?: number;
	stalled_ns?: Ns;
	first_ns: Ns;
	last_ns: Ns;
	location?: SafeText;
}

interface Group extends Who {
	kind: EventKind;
	reason: SafeText;
	severity: EventSeverity | undefined;
	interval: { count: Count; recorded: Count; suppressed: Count; bytes: number; stalled_ns: Ns };
	total: { count: Count; recorded: Count; suppressed: Count };
	first_ns: Ns;
	last_ns: Ns;
	locations: Map<SafeText, Count>;
	/** Something was added in this interval. */
	touched: boolean;
	/** Its row, as long as nothing is added: most groups are quiet in most intervals. */
	quiet: EventRow | undefined;
}

/** Most groups: those whose last event is oldest give way. */
const MOST = 1000;
/** Most kernel locations that a row names. */
const LOCATIONS = 5;

export class EventGroups {
	private readonly groups = new Map<string, Group>();
	private readonly reasons: Reasons;

	constructor(reasons: Reasons) {
		this.reasons = reasons;
	}

	/** Begin an interval. */
	next(): void {
		for (const group of this.groups.values()) {
			if (!group.touched) continue;
			group.touched = false;
			group.interval = { count: 0, recorded: 0, suppressed: 0, bytes: 0, stalled_ns: 0 };
			group.locations.clear();
		}
	}

	add(kind: EventKind, reason: SafeText, who: Who, added: Added, severity?: EventSeverity): void {
		const id = `${kind}|${reason}|${who.name}|${who.netns}|${who.protocol}`;
		let group = this.groups.get(id);
		if (!group) {
			group = {
				...who,
				kind,
				reason,
				severity,
				interval: { count: 0, recorded: 0, suppressed: 0, bytes: 0, stalled_ns: 0 },
				total: { count: 0, recorded: 0, suppressed: 0 },
				first_ns: added.first_ns,
				last_ns: added.last_ns,
				locations: new Map(),
				touched: true,
				quiet: undefined,
			};
			this.groups.set(id, group);
			this.makeRoom();
		}
		group.touched = true;
		group.quiet = undefined;
		for (const figure of ['count', 'recorded', 'suppressed'] as const) {
			group.interval[figure] += added[figure];
			group.total[figure] += added[figure];
		}
		group.interval.bytes += added.bytes ?? 0;
		group.interval.stalled_ns += added.stalled_ns ?? 0;
		group.first_ns = Math.min(group.first_ns, added.first_ns);
		group.last_ns = Math.max(group.last_ns, added.last_ns);
		if (group.start_time === 0) group.start_time = who.start_time;
		if (group.cgroup === '') group.cgroup = who.cgroup;
		if (added.location) group.locations.set(added.location, (group.locations.get(added.location) ?? 0) + added.count);
	}

	/** Newest first. `timeOf` gives the wall clock of a time of the kernel. */
	rows(timeOf: (mono_ns: Ns) => string): EventRow[] {
		const groups = [...this.groups.values()].sort((a, b) => b.last_ns - a.last_ns);
		return groups.map((group) => {
			const row = group.quiet ?? rowOf(group, this.reasons, timeOf);
			if (!group.touched) group.quiet = row;
			return row;
		});
	}

	private makeRoom(): void {
		if (this.groups.size <= MOST) return;
		let oldest: string | undefined;
		let last = Number.POSITIVE_INFINITY;
		for (const [id, { last_ns, interval }] of this.groups) {
			if (interval.count > 0 || last_ns >= last) continue;
			oldest = id;
			last = last_ns;
		}
		if (oldest !== undefined) this.groups.delete(oldest);
	}
}

function rowOf(group: Group, reasons: Reasons, timeOf: (mono_ns: Ns) => string): EventRow {
	const { kind, reason, severity, interval, total, first_ns, last_ns, locations, name, touched, quiet, ...who } = group;
	const about = reasons.of(kind, reason);
	return {
		kind,
		reason,
		who: name,
		...who,
		severity: severity ?? about.severity,
		cause: about.cause,
		...interval,
		count_total: total.count,
		recorded_total: total.recorded,
		suppressed_total: total.suppressed,
		first: timeOf(first_ns),
		last: timeOf(last_ns),
		last_mono_ns: last_ns,
		meaning: about.meaning,
		advice: about.advice,
		locations: [...locations]
			.map(([location, count]) => ({ location, count }))
			.sort((a, b) => b.count - a.count)
			.slice(0, LOCATIONS),
	};
}
