/** Snapshots of the events tab: the contract with screen, batch output and the rules of the overview (docs/events.md). */

import type { SafeText } from '../../lib/sanitize.ts';
import type { Bytes, Count, Ns } from '../../lib/units.ts';

/** Kinds of events, in the order of the help. */
export const EVENT_KINDS = [
	'drop',
	'retransmit',
	'reset-sent',
	'reset-received',
	'overflow',
	'tx-timeout',
	'oom',
	'reclaim',
	'compaction',
	'throttled-write',
	'hung-task',
	'tick-gap',
	'block-error',
	'fs-error',
	'thermal',
	'hardware',
	'receive-latency',
	'blocked',
	'lockup',
	'rcu-stall',
	'link',
	'bond',
	'nic-drop',
	'conntrack',
	'syn-flood',
	'throttled-rt',
	'allocation-failure',
	'kernel',
] as const;
export type EventKind = (typeof EVENT_KINDS)[number];

/** Work is lost or blocked; work is slowed down; worth knowing; part of normal operation, hidden unless asked for. */
export const EVENT_SEVERITIES = ['severe', 'high', 'notice', 'normal'] as const;
export type EventSeverity = (typeof EVENT_SEVERITIES)[number];

/** Cause: a rule of this machine, too much work, the other end, an error of this machine, hardware, normal operation. */
export const EVENT_CAUSES = ['policy', 'overload', 'peer', 'local', 'hardware', 'normal', 'unknown'] as const;
export type EventCause = (typeof EVENT_CAUSES)[number];

/** One end of a connection or packet. */
export interface Endpoint {
	address: SafeText;
	/** 0: none. */
	port: number;
}

/** One event. */
export interface EventRecord {
	/** ISO 8601. */
	time: string;
	mono_ns: Ns;
	/** It happened before wattlag was started; only of the kernel's log. */
	before_start: boolean;
	kind: EventKind;
	/** The kernel's own name where it has one (`NO_SOCKET`). */
	reason: SafeText;
	severity: EventSeverity;
	cause: EventCause;
	/** Process, socket, container, device, disk or CPU; `not known` rather than the task that happened to run. */
	who: SafeText;
	/** The process, in the initial pid namespace; 0: none, or not known. */
	pid: number;
	/** ns since boot; 0: not known. */
	start_time: Ns;
	comm: SafeText;
	/** Control group of the process, or else of the network namespace where that is a container's; empty: not known. */
	cgroup: SafeText;
	/** One sentence. */
	text: SafeText;
	/** What it means, and what to do about it. */
	meaning: SafeText;
	advice: SafeText;
	/** The figures of `text`, units in their names. */
	figures: Readonly<Record<string, number>>;
	/** `tcp`, `udp`, …; empty: no packet. */
	protocol: SafeText;
	source: Endpoint | null;
	destination: Endpoint | null;
	/** Network device; empty: none. */
	device: SafeText;
	/** Inode number of the network namespace; 0: none. */
	netns: number;
	/** Function of the kernel in which it happened; empty: not known. */
	location: SafeText;
	/** Kernel functions, innermost first. */
	stack: readonly SafeText[];
	/** The stack is that of the first record in this second of the same reason, place, device and process. */
	stack_shared?: true;
	/** Of a retransmit: what became of the segment that was sent before, as far as this machine has seen it. */
	lost_at?: { verdict: 'here' | 'elsewhere' | 'not-known'; reason: SafeText; location: SafeText };
	/** Of an OOM kill: who asked for memory, and, where the kernel's log has them, both control groups. */
	oom?: {
		trigger_pid: number;
		trigger_comm: SafeText;
		trigger_cgroup: SafeText;
		/** `CONSTRAINT_MEMCG`: a control group was at its limit; `CONSTRAINT_NONE`: the machine; empty: not known. */
		constraint: SafeText;
		/** The control group at its limit, and that of the victim, by the kernel's paths; empty: none, or not known. */
		limit_cgroup: SafeText;
		victim_cgroup: SafeText;
	};
	/** Where the record comes from. */
	origin: 'tracepoint' | 'kernel-log' | 'poll';
}

/** Events of one kind and reason that happened to one process, socket or device. */
export interface EventRow {
	kind: EventKind;
	reason: SafeText;
	who: SafeText;
	pid: number;
	start_time: Ns;
	comm: SafeText;
	cgroup: SafeText;
	netns: number;
	protocol: SafeText;
	severity: EventSeverity;
	cause: EventCause;
	/** Exact: every event is counted, whether or not it has a record. */
	count: Count;
	/** Events with a record in `events`; events that had none because their kind and reason had too many. */
	recorded: Count;
	suppressed: Count;
	count_total: Count;
	recorded_total: Count;
	suppressed_total: Count;
	/** Bytes of the packets, or ns of the stalls. */
	bytes: Bytes;
	stalled_ns: Ns;
	/** ISO 8601: the first and the last event since start. */
	first: string;
	last: string;
	last_mono_ns: Ns;
	meaning: SafeText;
	advice: SafeText;
	/** Kernel functions where it happened, with their counts in the interval, most first. */
	locations: readonly { location: SafeText; count: Count }[];
}

/** What a blocked task waits for. */
export interface WaitStep {
	/** Process or thread, lock, disk, or file system. */
	what: 'task' | 'lock' | 'device' | 'file' | 'not-known';
	name: SafeText;
	pid: number;
	tid: number;
}

/** A task in uninterruptible sleep for longer than a second. */
export interface BlockedTask {
	pid: number;
	tid: number;
	start_time: Ns;
	comm: SafeText;
	cgroup: SafeText;
	/** At least this long. */
	age_ns: Ns;
	in_iowait: boolean;
	/** What it waits for, in a few words, by its innermost known function. */
	waits_in: SafeText;
	/** From what it waits for to the root of the chain. */
	chain: readonly WaitStep[];
	stack: readonly SafeText[];
}

/** Blocked tasks with the same chain. */
export interface WaitChain {
	/** The end of the chain: all others wait for it. */
	root: WaitStep;
	steps: readonly WaitStep[];
	/** Tasks that wait for the first step, and the pids of up to 64. */
	tasks: Count;
	pids: readonly number[];
	oldest_ns: Ns;
	/** `37 tasks wait for jbd2/vda1, which waits for vda: 4.2 s` */
	text: SafeText;
}

/** All events of one kind and reason, of all groups. Exact. */
export interface ReasonCount {
	kind: EventKind;
	reason: SafeText;
	count: Count;
	recorded: Count;
	suppressed: Count;
	count_total: Count;
	/** Part of normal operation: its rows and records are left out unless asked for. */
	hidden: boolean;
}

/** A network device of the machine's own namespace. */
export interface LinkState {
	device: SafeText;
	state: SafeText;
	/** Changes of its carrier since boot. */
	carrier_changes: Count;
	/** Bonding device that it belongs to; empty: none. */
	bond: SafeText;
	/** Drops in the interval by layer. */
	dropped_hardware: Count;
	dropped_driver: Count;
	dropped_stack: Count;
}

/** A control group whose memory grew, without that of the groups below it. */
export interface MemoryGrowth {
	cgroup: SafeText;
	bytes: Bytes;
	/** Of the machine's memory, 0–1. */
	share: number;
}

export interface EventsExtra {
	/** Single events of the interval, oldest first, at most {@link EVENTS_LISTED}. */
	events: readonly EventRecord[];
	/** Records that were left out of `events`, beyond those of hidden reasons. */
	events_left_out: Count;
	reasons: readonly ReasonCount[];
	/** Events of hidden reasons in the interval. */
	hidden_count: Count;
	blocked: readonly BlockedTask[];
	wait_chains: readonly WaitChain[];
	links: readonly LinkState[];
	/** Control groups whose memory grew in the last half minute, most first; only while tasks stall for memory. */
	memory_growth: readonly MemoryGrowth[];
	/** State of the kernel's log: `read`, or why it is not. */
	kernel_log: SafeText;
}

/** Most records of one snapshot. */
export const EVENTS_LISTED = 500;

/** `pid:start` of the process of an event or a group; undefined: none is known. */
export function processOfEvent(row: { readonly pid: number; readonly start_time: Ns } | undefined): string | undefined {
	return row && row.pid > 0 && row.start_time > 0 ? `${row.pid}:${row.start_time}` : undefined;
}
