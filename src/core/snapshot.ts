/**
 * A snapshot holds everything known about one tab at the end of one interval. It is the only data that is passed on: from
 * the sampling worker to the screen, to batch output and to later additions. It is plain data (structured clone, JSON),
 * immutable, and its strings are sanitised.
 */
import type { SafeText } from '../lib/sanitize.ts';
import type { Bytes, Count, Ns } from '../lib/units.ts';

/** Source and method of a tab's figures. Shown as a badge on the screen. */
export interface Source {
	/** e.g. `model`, `sched_info`, `tracepoint`. */
	kind: string;
	/** One sentence for newcomers. */
	description: string;
	/** e.g. `±50 %` or `exact`, with the figures it refers to; the main figures before the first `;`. */
	uncertainty: string;
	/** Kernel hooks in use, e.g. `tp_btf/sched_switch`. */
	hooks: string[];
	/** Missing features of this machine and the cost of each, a sentence each: `no tp_btf/block_split: …`. */
	missing?: readonly string[];
	/** Part of the machine that the figures cover, where that is not all of it: `CPU packages + DRAM`. */
	scope?: string;
	/** Figures that are missing for that, or by an option, in a few words for the badge: `timer tick and IPIs`. */
	lacks?: string;
	/** Weights by which a total is divided among rows: `run time`, `cycles`. */
	weighting?: string;
	/** Candidates for the source, in the order in which they were tried, and why each is or is not in use. */
	candidates?: readonly { kind: string; state: string; reason: string; fix: string }[];
}

/** Own cost of the program in the interval. */
export interface Cost {
	/** Time in this tab's BPF programs: their runs × the price of a run, which is measured seldom; null: not known. */
	bpf_ns: Ns | null;
	/** Their runs, as they count them themselves. */
	bpf_runs: Count;
	/** Time for which the kernel's run statistics, which cost time themselves, were on in this interval. */
	bpf_measured_ns: Ns;
	/** Age of the prices; null: none was measured. */
	bpf_price_age_ns: Ns | null;
	/** Of `bpf_ns`, relative: 0.1 is ±10 % (see docs/batch.md); null: not known. */
	bpf_uncertainty: number | null;
	/** Why `bpf_ns` is not known. */
	bpf_why?: SafeText;
	/** User and system time of the whole process, all threads. */
	cpu_ns: Ns;
	rss_bytes: Bytes;
	/** Kernel memory of the BPF maps and programs of all tabs, not part of any RSS; null: not known. Read every 30 s. */
	kernel_bytes: Bytes | null;
	/** Of a recorder: bytes written to its files since the interval before, all tabs and both tiers; absent: nothing is recorded. */
	recorded_bytes?: Bytes;
	/** Of a recorder: its CPU time at most, as a share of one CPU; absent: not limited. */
	cpu_limit?: number;
	/** Interval that the recorder takes to stay within the limit; absent: the requested one. */
	step_ns?: Ns;
}

/** Why an interval was longer than requested. Rates still refer to `dt_ns`. */
export interface Gap {
	/** Delay of its end; part of `dt_ns`. */
	late_ns: Ns;
	/** Time that the machine slept; not part of `dt_ns`, whose clock stops then. */
	suspended_ns: Ns;
}

/** The fields that every tab's snapshots have. */
export interface SnapshotBase {
	schema: 1;
	/** Id of the tracer. */
	tab: string;
	/** Wall clock at the end of the interval, ISO 8601. */
	time: string;
	/** CLOCK_MONOTONIC at the end of the interval. */
	mono_ns: Ns;
	/** Measured length of the interval, not the requested one. */
	dt_ns: Ns;
	/** Only where the interval was far longer than requested. */
	gap?: Gap;
	/** Unit of a row (`process`, `thread`, …). */
	group: string;
	source: Source;
	lost: Record<string, Count>;
	cost: Cost;
}

export type Snapshot<Row = object, Extra extends object = object> = Readonly<
	SnapshotBase & { rows: readonly Row[] } & Extra
>;

/** Length of the snapshot's interval, s. */
export function secondsOf(snapshot: Pick<SnapshotBase, 'dt_ns'>): number {
	return snapshot.dt_ns / 1e9;
}
