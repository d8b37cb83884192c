/** Processes that stand still within a request, as reported. */
import type { SafeText } from '../../../../lib/sanitize.ts';
import type { Count, Ns } from '../../../../lib/units.ts';
import type { SleepReason } from '../reasons.ts';

/** Asleep for so long, it stands still; ns. */
export const STILL: Ns = 2e9;

/** A process that others wait for, or that is at the other end. */
export interface Party {
	pid: number;
	start_time: Ns;
	comm: SafeText;
	/** Its command line or title. */
	title: SafeText;
	/** A thread of the waiting process itself; 0: another process. */
	tid: number;
	/** How it is known. */
	by: readonly SafeText[];
	/** Why it sleeps; null: it does not. */
	reason: SleepReason | null;
	asleep_ns: Ns;
	/** Its own client, for whose data it waits. */
	client: { pid: number; comm: SafeText } | null;
}

/** One process that stands still. */
export interface Still {
	pid: number;
	start_time: Ns;
	comm: SafeText;
	title: SafeText;
	asleep_ns: Ns;
	/** Kernel's letter. */
	state: string;
	reason: SleepReason;
	wchan: SafeText;
	/** Runs per second before. */
	rate: number;
	clients: readonly { pid: number; comm: SafeText }[];
	/** Clients on other machines, as text. */
	remote: readonly string[];
	/** Known by a file lock, a mutex, a pipe or a socket. */
	behind: Party | null;
	/** An address on another machine that it waits for. */
	address: string;
	/** It waits for a signal or an event of another process: no file says which. */
	forEvent: boolean;
	/** What is known where none is behind: `for one of its 3 children`; empty: nothing. */
	note: SafeText;
}

/** Processes of one name and parent that stand still for the same reason. */
export interface Standstill {
	comm: SafeText;
	/** pid of their parent. */
	parent: number;
	/** Longest asleep first. */
	still: readonly [Still, ...Still[]];
	/** Processes of that name and parent. */
	family: Count;
	behind: Party | null;
	/** Further processes that may be the one, by the same evidence. */
	others: Count;
}
