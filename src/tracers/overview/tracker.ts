/**
 * Suspicions of single intervals → findings that last: one begins when it has held for a while and ends when it has been
 * away for a while, so that nothing flickers; the order changes only when something begins or ends.
 */
import type { Ns } from '../../lib/units.ts';
import { type Finding, levels, type Suspicion } from './finding.ts';
import { KEEP, type Rule } from './rule.ts';

/** How long it has to hold before it is told, ns, unless the rule says otherwise: two intervals of a second, one longer interval. */
export const BEGINS_AFTER: Ns = 1.5e9;
/** How long it may be away and still go on, ns. */
export const ENDS_AFTER: Ns = 3e9;
/** The rules that most often see several things at once do not crowd out the others. */
export const MOST_PER_RULE = 2;
export const MOST = 5;

interface Known {
	rule: Rule;
	/** As it was last seen. */
	suspicion: Suspicion;
	/** ISO 8601 and CLOCK_MONOTONIC. */
	since: string;
	since_ns: Ns;
	peak: Finding['peak'];
	held: Ns;
	away: Ns;
	told: boolean;
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

	/** What all rules saw in one interval. Returns what holds, worst first, older before younger. */
	update(seen: readonly { rule: Rule; suspicions: readonly Suspicion[] }[], now: Instant): Finding[] {
		const present = new Set<string>();
		for (const { rule, suspicions } of seen) {
			for (const suspicion of suspicions) {
				const key = `${rule.id} ${suspicion.about}`;
				if (this.see(key, rule, suspicion, now)) present.add(key);
			}
		}
		for (const [key, known] of this.known) {
			if (present.has(key)) continue;
			known.away += now.dt_ns;
			if (!known.told || known.away >= ENDS_AFTER) this.known.delete(key);
		}
		return this.findings();
	}

	/** Does it hold, or go on? */
	private see(key: string, rule: Rule, suspicion: Suspicion, now: Instant): boolean {
		const known = this.known.get(key);
		if (!(suspicion.excess >= (known ? KEEP : 1))) return false;
		const { beginsAfter = BEGINS_AFTER } = rule;
		const peak = { excess: suspicion.excess, text: suspicion.text, time: now.time };
		if (!known) {
			const [since_ns, since] = [now.mono_ns - now.dt_ns, Date.parse(now.time) - now.dt_ns / 1e6];
			const begun = { since: new Date(since).toISOString(), since_ns, peak, held: now.dt_ns, away: 0 };
			this.known.set(key, { rule, suspicion, ...begun, told: now.dt_ns >= beginsAfter });
			return true;
		}
		// below its limit it goes on, but that does not help it to begin
		if (suspicion.excess >= 1) known.held += now.dt_ns;
		// who it was is not always seen anew, and where that is shown
		const { owner, link } = suspicion.owner ? suspicion : known.suspicion;
		known.suspicion = owner ? { ...suspicion, owner, link } : suspicion;
		if (peak.excess >= known.peak.excess) known.peak = peak;
		known.away = 0;
		known.told ||= known.held >= beginsAfter;
		return true;
	}

	private findings(): Finding[] {
		const rank = ({ rule }: Known): number => levels.indexOf(rule.level);
		const perRule = new Map<Rule, number>();
		return [...this.known.values()]
			.filter(({ told }) => told)
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
