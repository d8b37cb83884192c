/** What a rule says, and what becomes of it: types that rules, the tracker, batch output and the screen share. */
import type { SafeText } from '../sanitize.ts';
import type { Count, Ns } from '../units.ts';
import type { Moment } from './moment.ts';
import type { SourceTab } from './sources.ts';

/** How bad: work stands still; work is slowed down; worth knowing. */
export const levels = ['severe', 'high', 'notice'] as const;
export type Level = (typeof levels)[number];

/** Who is behind it, or who it hits: `role` says which. */
export interface Owner {
	role: SafeText;
	/** Of several processes of this name the one with most of it; 0: a group, not a process. */
	pid: number;
	start_time: Ns;
	comm: SafeText;
	/** Processes of this name that take part. */
	processes: Count;
}

/** Where it can be looked at: what the key of the finding does. */
export interface Link {
	tab: SourceTab | 'overview';
	/** Process to select, `pid:start_time`; else the first row. */
	process?: string;
	/** Empty: all rows. */
	filter: string;
	/** Key of a column. */
	sort?: string;
	group?: string;
}

/** What a rule sees in one interval. */
export interface Suspicion {
	/** Names the thing it is about: the same text in two intervals is the same finding going on. */
	about: string;
	/** The figure as a multiple of its limit: from 1 on it counts, from `KEEP` on it goes on. */
	excess: number;
	/** `vda`, and what is the matter with it. */
	subject: SafeText;
	text: SafeText;
	/** The same in numbers; units are in the names. */
	figures: Readonly<Record<string, number>>;
	owner: Owner | null;
	link: Link;
}

export interface Rule {
	id: string;
	level: Level;
	/** What is looked for, in a few words: `CPUs`. */
	title: string;
	/** When it speaks up, with its limits: help and docs/triage.md say this. */
	help: string;
	/** Why it cannot be judged at this moment; undefined: it can. */
	blind?(moment: Moment): SafeText | undefined;
	/** Pure. Everything from {@link KEEP} on, worst first. */
	look(moment: Moment): Suspicion[];
}

/** A finding that has begun goes on down to this part of its limit. */
export const KEEP = 0.7;

/** One finding as it leaves the program. */
export interface Finding extends Pick<Suspicion, 'subject' | 'text' | 'figures' | 'owner' | 'link'> {
	rule: string;
	level: Level;
	/** ISO 8601: beginning of the first interval that had it. */
	since: string;
}

/** The least of several figures, each as a multiple of its limit: all of them have to be reached. */
export function excessOf(...figures: readonly (readonly [value: number, limit: number])[]): number {
	return figures.reduce((least, [value, limit]) => Math.min(least, value / limit), Number.POSITIVE_INFINITY) || 0;
}
