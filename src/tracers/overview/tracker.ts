/**
 * Turns suspicions of single intervals into findings. A finding begins after it has held for some time and ends after it
 * has been absent for some time, so that none flickers. The order changes only when a finding begins or ends.
 */
import { safe } from '../../lib/sanitize.ts';
import type { Ns } from '../../lib/units.ts';
import { type Change, type Finding, type Level, levels, type Suspicion } from './finding.ts';
import { KEEP, type Rule } from './rule.ts';

/** How long a suspicion must hold before it is reported, ns, unless the rule has its own time: two intervals of a second, or one longer. */
export const BEGINS_AFTER: Ns = 1.5e9;
/** How long a finding may be absent without ending, ns, unless the rule has its own time. */
export const ENDS_AFTER: Ns = 3e9;
/** Limit per rule: rules with many subjects must not displace the others. */
const MOST_PER_RULE = 2;
/** Findings of a snapshot. */
export const MOST = 5;

interface Known {
	rule: Rule;
	/** The last one. */
	suspicion: Suspicion;
	/** ISO 8601 and CLOCK_MONOTONIC. */
	since: string;
	since_ns: Ns;
	peak: Finding['peak'];
	held: Ns;
	absent: Ns;
	reported: boolean;
	/** Of the time when it was reported, so that the order stays. */
	touches: number;
}

/** Witnesses that a severe finding needs. */
const WITNESSES = 2;

function levelOf({ rule, suspicion }: Known): Level {
	const level = suspicion.level ?? rule.level;
	return level === 'severe' && (suspicion.witnesses?.length ?? 0) < WITNESSES ? 'high' : level;
}

function changeOf(change: Change['change'], known: Known): Change {
	const { rule, suspicion, since } = known;
	return { change, rule: rule.id, level: levelOf(known), subject: suspicion.subject, text: suspicion.text, since };
}

/** The end of an interval, and its length. */
export interface Instant {
	/** ISO 8601. */
	time: string;
	mono_ns: Ns;
	dt_ns: Ns;
}

export class Tracker {
	private readonly known = new Map<string, Known>();
	/** Findings that began or ended with the last interval. */
	readonly changes: Change[] = [];

	/** Takes the suspicions of one interval. Returns the findings, worst first, older before younger. */
	update(results: readonly { rule: Rule; suspicions: readonly Suspicion[] }[], now: Instant): Finding[] {
		const present = new Set<string>();
		const before = new Set([...this.known.values()].filter(({ reported }) => reported));
		this.changes.length = 0;
		for (const { rule, suspicions } of results) {
			for (const suspicion of suspicions) {
				const key = `${rule.id} ${suspicion.about}`;
				if (this.observe(key, rule, suspicion, now)) present.add(key);
			}
		}
		for (const [key, known] of this.known) {
			if (present.has(key)) continue;
			known.absent += now.dt_ns;
			if (known.reported && known.absent < (known.rule.endsAfter ?? ENDS_AFTER)) continue;
			this.known.delete(key);
			if (known.reported) this.changes.push(changeOf('ends', known));
		}
		for (const known of this.known.values())
			if (known.reported && !before.has(known)) this.changes.push(changeOf('begins', known));
		return this.findings();
	}

	/** Records a suspicion. Returns whether it is high enough to begin or continue a finding. */
	private observe(key: string, rule: Rule, suspicion: Suspicion, now: Instant): boolean {
		const known = this.known.get(key);
		if (!(suspicion.excess >= (known ? KEEP : 1))) return false;
		const { beginsAfter = BEGINS_AFTER } = rule;
		const peak = { excess: suspicion.excess, text: suspicion.text, time: now.time };
		if (!known) {
			const held = Math.max(now.dt_ns, suspicion.held_ns ?? 0);
			const [since_ns, since] = [now.mono_ns - held, Date.parse(now.time) - held / 1e6];
			const begun = { since: new Date(since).toISOString(), since_ns, peak, held, absent: 0 };
			const { touches = 0 } = suspicion;
			this.known.set(key, { rule, suspicion, ...begun, touches, reported: held >= beginsAfter });
			return true;
		}
		// below the limit a finding continues, but a suspicion does not come closer to its begin
		if (suspicion.excess >= 1) known.held += now.dt_ns;
		// the last known owner and its link remain: not every interval finds an owner
		if (!known.reported) known.touches = Math.max(known.touches, suspicion.touches ?? 0);
		const { owner, link } = suspicion.owner || suspicion.ownerless ? suspicion : known.suspicion;
		known.suspicion = owner ? { ...suspicion, owner, link } : suspicion;
		if (peak.excess >= known.peak.excess) known.peak = peak;
		known.absent = 0;
		known.reported ||= known.held >= beginsAfter;
		return true;
	}

	private findings(): Finding[] {
		const rank = (known: Known): number => levels.indexOf(levelOf(known));
		const perRule = new Map<Rule, number>();
		return [...this.known.values()]
			.filter(({ reported }) => reported)
			.sort((a, b) => rank(a) - rank(b) || b.touches - a.touches || a.since_ns - b.since_ns)
			.filter(({ rule }) => {
				const count = (perRule.get(rule) ?? 0) + 1;
				perRule.set(rule, count);
				return count <= MOST_PER_RULE;
			})
			.slice(0, MOST)
			.map((known) => {
				const { rule, suspicion, since, peak } = known;
				const { subject, figures, owner, unowned, link, excess, witnesses = [] } = suspicion;
				const text = owner || !unowned ? suspicion.text : safe`${suspicion.text}; ${unowned}`;
				const level = levelOf(known);
				return { rule: rule.id, level, subject, text, figures, owner, since, excess, witnesses, peak, link };
			});
	}
}
