/** Snapshots of the overview: the contract with screen and batch output (docs/batch.md). */

import type { SafeText } from '../../lib/sanitize.ts';
import type { Bytes, Count, MicroJoules, Ns, Watts } from '../../lib/units.ts';
import type { Pressure } from '../../system/pressure.ts';
import type { Finding } from './finding.ts';

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
}

/** The machine in the interval; null: not known. */
export interface Totals {
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

export interface OverviewExtra {
	/** Worst first, at most 5. */
	findings: Finding[];
	/** Ids of the checked rules. */
	checked: string[];
	/** Ids of the rules that could not be checked, and why. */
	unchecked: { rule: string; reason: SafeText }[];
	totals: Totals;
	/** The kernel's pressure (PSI) of the interval; null: not supported. */
	pressure: Pressure | null;
}
