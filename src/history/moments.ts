/** What a time axis shows of a snapshot: load, findings and those that begin, events. */
import type { Snapshot } from '../core/snapshot.ts';
import type { Count } from '../lib/units.ts';

/** A moment on the time axis. */
export interface Moment {
	/** Wall clock, ms. */
	wall: number;
	/** Busy share of all CPUs, 0–1; null: not known. */
	busy: number | null;
	/** Of its worst finding, of the events tab its worst event: 0 none, 1 notice, 2 high, 3 severe. */
	level: number;
	/** Findings, of the events tab events. */
	findings: Count;
	/** Findings that were not there before; undefined: not known, as in recordings of older versions. */
	begins?: Count | undefined;
}

const levels = ['', 'notice', 'high', 'severe'];

/** Findings remembered at most: a finding may be hidden by worse ones for a while. */
const MOST_KNOWN = 500;

interface Fields {
	findings?: unknown;
	events?: unknown;
	totals?: unknown;
}

interface Judged {
	level?: unknown;
	severity?: unknown;
	before_start?: unknown;
	rule?: unknown;
	subject?: unknown;
	since?: unknown;
}

const listOf = (value: unknown): readonly Judged[] => (Array.isArray(value) ? (value as Judged[]) : []);

const worstOf = (all: readonly unknown[]) =>
	all.reduce<number>((worst, one) => Math.max(worst, levels.indexOf(String(one))), 0);

/** Reads snapshots in the order of time. */
export class MomentReader {
	/** Begin of each finding, by rule and subject, the one seen last at the end. */
	private readonly known = new Map<string, unknown>();

	of(snapshot: Snapshot): Moment {
		const { findings, events, totals } = snapshot as Fields;
		const { busy_ns, cpus } = (totals ?? {}) as { busy_ns?: unknown; cpus?: unknown };
		const known = typeof busy_ns === 'number' && typeof cpus === 'number' && cpus > 0 && snapshot.dt_ns > 0;
		const wall = Date.parse(snapshot.time);
		const busy = known ? busy_ns / (cpus * snapshot.dt_ns) : null;
		if (snapshot.tab === 'events') {
			const worth = listOf(events).filter(
				({ severity, before_start }) => before_start !== true && levels.includes(String(severity)),
			);
			return { wall, busy: null, level: worstOf(worth.map(({ severity }) => severity)), findings: worth.length };
		}
		const all = listOf(findings);
		return { wall, busy, level: worstOf(all.map(({ level }) => level)), findings: all.length, begins: this.begun(all) };
	}

	/** Findings that begin: not there before, or with another begin. */
	private begun(findings: readonly Judged[]): Count {
		let count = 0;
		for (const { rule, subject, since } of findings) {
			const key = `${String(rule)}\0${String(subject)}`;
			if (!this.known.has(key) || this.known.get(key) !== since) count++;
			this.known.delete(key);
			this.known.set(key, since);
		}
		while (this.known.size > MOST_KNOWN) this.known.delete(this.known.keys().next().value as string);
		return count;
	}
}

/** The times at which findings begin; where that is not known, at which there are more of them, or worse ones. */
export function findingTimes(moments: readonly Moment[]): number[] {
	return moments.flatMap(({ wall, level, findings, begins }, at) => {
		const before = moments[at - 1];
		const more = level > (before?.level ?? 0) || findings > (before?.findings ?? 0);
		return level > 0 && (begins === undefined ? more : begins > 0) ? [wall] : [];
	});
}
