/** Suspicions of rules, and findings made of them: types shared by rules, tracker, batch output and screen. */
import { type SafeText, safe } from '../../lib/sanitize.ts';
import type { Count, Ns } from '../../lib/units.ts';
import type { SourceTab } from './sources.ts';

/** Severity: work is blocked; work is slowed down; worth knowing. */
export const levels = ['severe', 'high', 'notice'] as const;
export type Level = (typeof levels)[number];

/** Cause or victim of a finding, by `role`. */
export interface Owner {
	role: SafeText;
	/** Of several processes of this name, the one with the highest figure; 0: a group, not a process. */
	pid: number;
	start_time: Ns;
	comm: SafeText;
	/** `node server.js`, where the name says nothing; absent: it does. */
	program?: SafeText;
	/** Number of processes of this name that take part. */
	processes: Count;
}

/** The target of the finding's key: tab, view and rows that show it. */
export interface Link {
	tab: SourceTab | 'overview';
	/** Name of one of the tab's views; absent: the first. */
	view?: string;
	/** Process to select, `pid:start_time`; absent: the first row. */
	process?: string;
	/** Empty: all rows. */
	filter: string;
	/** Key of a column. */
	sort?: string;
	group?: string;
}

/** Result of a rule for one subject in one interval. */
export interface Suspicion {
	/** Identity of the subject: the same text in two intervals is the same finding. */
	about: string;
	/** The figure as a multiple of its limit: a finding begins from 1 on, and continues from `KEEP` on. */
	excess: number;
	/** `vda`; `text` describes the problem. */
	subject: SafeText;
	text: SafeText;
	/** The figures of `text`; units are in the names. */
	figures: Readonly<Record<string, number>>;
	/** null: unknown in this interval, the one of an earlier interval remains. */
	owner: Owner | null;
	/** The cause is no process: there is no owner, and none of an earlier interval remains. */
	ownerless?: boolean;
	/** What is said where no owner is known, a sentence. */
	unowned?: SafeText;
	link: Link;
	/** Independent facts that say the same, a sentence each. A severe finding needs two of them, else it is high. */
	witnesses?: readonly SafeText[];
	/** Lower than the rule's, where there is little evidence. */
	level?: Level;
	/** How long it has held before the end of the interval, ns, where the kernel knows; absent: it began with the interval. */
	held_ns?: Ns;
	/** Part of the machine's work that it touches, 0–1: the order of findings of one level. Absent: 0. */
	touches?: number;
}

/** One finding, as in snapshots. */
export interface Finding extends Pick<Suspicion, 'subject' | 'text' | 'figures' | 'owner' | 'link'> {
	rule: string;
	level: Level;
	/** ISO 8601: begin of the first interval with it. */
	since: string;
	/** As a multiple of its limit. */
	excess: number;
	/** Independent facts that say the same. */
	witnesses: readonly SafeText[];
	/** The interval with the highest excess, with the text of that interval; ISO 8601. */
	peak: Pick<Suspicion, 'excess' | 'text'> & { time: string };
}

/** A finding that began or ended with an interval. */
export interface Change {
	change: 'begins' | 'ends';
	rule: string;
	level: Level;
	subject: SafeText;
	text: SafeText;
	/** ISO 8601: begin of the finding. */
	since: string;
}

/** `from postgres[812]`, `by dd ×6`; empty: no owner is known. A process may have no name. */
export function ownerText({ owner }: Pick<Finding, 'owner'>): SafeText {
	if (!owner) return safe``;
	const { role, pid, comm, program, processes } = owner;
	const name = comm.trim() === '' ? safe`a process without a name` : comm;
	const which = processes > 1 ? safe` ×${processes}` : pid > 0 ? safe`[${pid}]` : safe``;
	return safe`${role} ${name}${which}${program === undefined ? safe`` : safe` (${program})`}`;
}
