/** What a rule says, and what becomes of it: types that rules, the tracker, batch output and the screen share. */
import type { SafeText } from '../../lib/sanitize.ts';
import type { Count, Ns } from '../../lib/units.ts';
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
	/** Name of one of the tab's views; without: the first. */
	view?: string;
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

/** One finding as it leaves the program. */
export interface Finding extends Pick<Suspicion, 'subject' | 'text' | 'figures' | 'owner' | 'link'> {
	rule: string;
	level: Level;
	/** ISO 8601: beginning of the first interval that had it. */
	since: string;
	/** As a multiple of its limit. */
	excess: number;
	/** The interval in which it was worst, and what was said then; ISO 8601. */
	peak: Pick<Suspicion, 'excess' | 'text'> & { time: string };
}
