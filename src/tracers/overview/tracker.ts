/**
 * Turns suspicions of single intervals into findings. A finding begins after it has held for some time and ends after it
 * has been absent for some time, so that none flickers. The order changes only when a finding begins or ends.
 */
import type { Ns } from '../../lib/units.ts';
import { type Finding, levels, type Suspicion } from './finding.ts';
import { KEEP, type Rule } from './rule.ts';

/** How long a suspicion must hold before it is reported, ns, unless the rule has its own time: two intervals of a second, or one longer. */
export const BEGINS_AFTER: Ns = 1.5e9;
/** How long a finding may be absent without ending, ns, unless the rule has its own time. */
export const ENDS_AFTER: Ns = 3e9;
/** Limit per rule: rules with many subjects must not displace the others. */
export const MOST_PER_RULE = 2;
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

	/** Takes the suspicions of one interval. Returns the findings, worst first, older before younger. */
	update(results: readonly { rule: Rule; suspicions: readonly Suspicion[] }[], now: Instant): Finding[] {
		const present = new Set<string>();
		for (const { rule, suspicions } of results) {
			for (const suspicion of suspicions) {
				const key = `${rule.id} ${suspicion.about}`;
				if (this.observe(key, rule, suspicion, now)) present.add(key);
			}
		}
		for (const [key, known] of this.known) {
			if (present.has(key)) continue;
			known.absent += now.dt_ns;
			if (!known.reported || known.absent >= (known.rule.endsAfter ?? ENDS_AFTER)) this.known.delete(key);
		}
		return this.findings();
	}

	/** Records a suspicion. Returns whether it is high enough to begin or continue a finding. */
	private observe(key: string, rule: Rule, suspicion: Suspicion, now: Instant): boolean {
		const known = this.known.get(key);
		if (!(suspicion.excess >= (known ? KEEP : 1))) return false;
		const { beginsAfter = BEGINS_AFTER } = rule;
		const peak = { excess: suspicion.excess, text: suspicion.text, time: now.time };
		if (!known) {
			const [since_ns, since] = [now.mono_ns - now.dt_ns, Date.parse(now.time) - now.dt_ns / 1e6];
			const begun = { since: new Date(since).toISOString(), since_ns, peak, held: now.dt_ns, absent: 0 };
			this.known.set(key, { rule, suspicion, ...begun, reported: now.dt_ns >= beginsAfter });
			return true;
		}
		// below the limit a finding continues, but a suspicion does not come closer to its begin
		if (suspicion.excess >= 1) known.held += now.dt_ns;
		// the last known owner and its link remain: not every interval finds an owner
		const { owner, link } = suspicion.owner ? suspicion : known.suspicion;
		known.suspicion = owner ? { ...suspicion, owner, link } : suspicion;
		if (peak.excess >= known.peak.excess) known.peak = peak;
		known.absent = 0;
		known.reported ||= known.held >= beginsAfter;
		return true;
	}

	private findings(): Finding[] {
		const rank = ({ rule }: Known): number => levels.indexOf(rule.level);
		const perRule = new Map<Rule, number>();
		return [...this.known.values()]
			.filter(({ reported }) => reported)
			.sort((a, b) => rank(a) - rank(b) || a.since_ns - b.since_ns)
			.filter(({ rule }) => {
				const count = (perRule.get(rule) ?? 0) + 1;
				perRule.set(rule, count);
				return count <= MOST_PER_RULE;
			})
			.slice(0, MOST)
			.map(({ rule, suspicion: { subject, text, figures, owner, link, excess }, since, peak }) => ({
				rule: rule.id,
				level: rule.level,
				subject,
				text,
				figures,
				owner,
				since,
				excess,
				peak,
				link,
			}));
	}
}
