/** Snapshots of the overview: the contract with screen and batch output (docs/batch.md). */

import type { SafeText } from '../../lib/sanitize.ts';
import type { Bytes, Count, MicroJoules, Ns, Watts } from '../../lib/units.ts';
import type { Pressure } from '../../system/pressure.ts';
import type { Change, Finding } from './finding.ts';
import type { SleepReason } from './tasks/reasons.ts';
import type { StateLetter } from './tasks/walk.ts';

/** Parts of a thread's time. */
export type TimePart = 'cpu' | 'irq' | 'runnable' | SleepReason;

/** Figures of the interval; null: not known, because the source tab does not work here or does not list the process. */
export interface OverviewRow {
	/** 0: the row is a group of processes. */
	pid: number;
	/** ns since boot: identifies a process together with the pid. */
	start_time: Ns;
	/** Name of the process or group. */
	comm: SafeText;
	cgroup: SafeText;
	user: SafeText;
	/** Active processes of the group in the interval. */
	processes: Count;
	watts: Watts | null;
	energy_uj: MicroJoules | null;
	cpu_ns: Ns | null;
	/** Σ of the waits for a CPU that ended. */
	wait_ns: Ns | null;
	/** Of a group: the highest of its processes. null: no wait. */
	wait_p99_ns: Ns | null;
	/** Time in interrupts while it had a CPU. */
	irq_time_ns: Ns | null;
	io_count: Count | null;
	/** Transferred. */
	io_bytes: Bytes | null;
	/** Discarded, erased or zeroed without a transfer; absent: none. */
	io_discarded_bytes?: Bytes;
	/** Requests that ended with an error; absent: none. */
	io_errors?: Count;
	/** From queueing to completion; of a group the highest of its processes. null: no request. */
	io_p99_ns: Ns | null;
	/** State at the end of the interval: of its threads the busiest one's (R, D, then the main thread's). */
	state: StateLetter | null;
	/** Why that thread sleeps; null: it does not, or it is not known. */
	reason: SleepReason | null;
	/** The kernel's function by which that is known; empty: none. */
	wchan: SafeText;
	/** Idle periods of CPUs that ended with it; absent: none, or not counted. */
	wakes?: Count;
	rss_bytes: Bytes | null;
	swap_bytes: Bytes | null;
	/** Page faults of the interval; null in the first interval that lists it. */
	minor_faults: Count | null;
	/** Those that waited for a device. */
	major_faults: Count | null;
	threads: Count | null;
	/** Of a group: of its first process. */
	nice: number | null;
	/**
	 * Where the time of its threads went: on a CPU, in interrupts meanwhile, waiting for a CPU, asleep by reason. The sum is the
	 * time of the threads that lived for the whole interval. Absent parts are 0; null: not known.
	 */
	time_ns: Partial<Record<TimePart, Ns>> | null;
	/** Sleeps that ended: the process did something so many times. null: not known. */
	wakeups: Count | null;
	/** Processes of the row that started in the interval. */
	started: Count;
	/** Times that a service began anew in the interval: its oldest process ended, and one that began since is the oldest; absent: none. */
	restarts?: Count;
	/** Packets that the kernel dropped at its sockets: of the time between the last two readings, scaled to the interval; absent: none, or not known. */
	drops?: Count;
	/** Container or pod by its control group; empty: none. */
	container: SafeText;
	/** Arguments with secrets masked; empty unless asked for, and until read. */
	command: SafeText;
}

/** Who wakes the process in focus. */
export interface Waker {
	by: 'process' | 'thread' | 'interrupt';
	/** 0: an interrupt. `thread`: one of its own. */
	pid: number;
	tid: number;
	/** Of the thread, or of the interrupt. */
	comm: SafeText;
	/** Wake-ups of the interval, and since the process came into focus. */
	count: Count;
	count_total: Count;
	/** Since the last one. */
	ago_ns: Ns;
	/** tid of the thread that it woke last. */
	woken: number;
}

/** The machine in the interval; null: not known. */
export interface Totals extends MachineTotals {
	/** Online now. */
	cpus: Count | null;
	/** CPU time of all processes, and of interrupts outside of process time. */
	busy_ns: Ns | null;
	/** All power, idle included. */
	watts: Watts | null;
	/** Σ of all waits for a CPU that ended, and their 99th percentile. */
	wait_ns: Ns | null;
	wait_p99_ns: Ns | null;
	/** Interrupts of all kinds, Σ over CPUs. */
	irq_ns: Ns | null;
	io_count: Count | null;
	io_bytes: Bytes | null;
	/** As in the rows; absent: none. */
	io_discarded_bytes?: Bytes;
	io_errors?: Count;
}

/** Of the whole machine, from /proc; null: not known. */
export interface MachineTotals {
	memory_bytes: Bytes | null;
	/** What a new program could get without swapping. */
	memory_available_bytes: Bytes | null;
	swap_bytes: Bytes | null;
	swap_used_bytes: Bytes | null;
	/** Over all interfaces of this network namespace but loopback. */
	received_bytes: Bytes | null;
	sent_bytes: Bytes | null;
	packets_dropped: Count | null;
	/** Of a virtual machine: time for which the hypervisor ran something else, Σ over CPUs, in steps of 10 ms; absent: not known. */
	steal_ns?: Ns;
}

export interface OverviewExtra {
	/** Worst first, at most 5. */
	findings: Finding[];
	/** Findings that began or ended with this interval, also those beyond the five. */
	changes: Change[];
	/** Ids of the checked rules. */
	checked: string[];
	/** Ids of the rules that could not be checked, and why. */
	unchecked: { rule: string; reason: SafeText }[];
	totals: Totals;
	/** The kernel's pressure (PSI) of the interval; null: not supported. */
	pressure: Pressure | null;
	/** Command lines are read. */
	arguments: boolean;
	/** The process in focus, also if it did nothing; null: none, or it is not known. */
	focus: OverviewRow | null;
	/** Who wakes the process in focus, most in the interval first; absent: nothing is in focus, or the kernel refuses the hooks. */
	wakers?: Waker[];
	/** The sleep of the process in focus is measured sleep by sleep; absent: no. */
	exact?: true;
}
