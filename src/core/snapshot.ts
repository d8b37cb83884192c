/**
 * A snapshot is everything known about one tab at the end of one interval, and the only thing that travels: from the
 * sampling worker to the screen, to batch output and to whatever is added later. It is plain data (structured clone,
 * JSON), never changed after it was made, and its strings have passed the sanitiser.
 */
import type { Bytes, Count, Ns } from '../lib/units.ts';

/** What is measured and how. Shown as a badge on the screen. */
export interface Source {
	/** e.g. `model`, `sched_info`, `tracepoint`. */
	kind: string;
	/** One sentence a newcomer understands. */
	description: string;
	/** e.g. `±50 %` or `exact`, with what it refers to; the main figures before the first `;`. */
	uncertainty: string;
	/** Kernel hooks in use, e.g. `tp_btf/sched_switch`. */
	hooks: string[];
	/** What this machine lacks and what that costs here, a sentence each: `no tp_btf/block_split: …`. */
	missing?: readonly string[];
	/** What part of the machine the figures cover, where that is not all of it: `CPU packages + DRAM`. */
	scope?: string;
	/** Figures that are missing for that, or by the user's choice, in a few words for the badge: `timer tick and IPIs`. */
	lacks?: string;
	/** By what a whole is shared out among rows: `run time`, `cycles`. */
	weighting?: string;
	/** What else could have been the source, in the order in which it was tried, and why it is not. */
	candidates?: readonly { kind: string; state: string; reason: string; fix: string }[];
}

/** What the tool itself cost in the interval. */
export interface Cost {
	/** Time in this tab's BPF programs, scaled up from the part of the interval in which the kernel measured it. */
	bpf_ns: Ns;
	bpf_runs: Count;
	/** How long the kernel's run statistics were on in this interval; they cost time themselves. */
	bpf_measured_ns: Ns;
	/** User and system time of the whole process, all threads. */
	cpu_ns: Ns;
	rss_bytes: Bytes;
	/** Of the kernel, for the BPF maps and programs of all tabs; in no RSS. null: not known. Read every 30 s. */
	kernel_bytes: Bytes | null;
}

/** Why an interval was longer than asked. Rates are over `dt_ns` all the same. */
export interface Gap {
	/** How much too late it ended; in `dt_ns`. */
	late_ns: Ns;
	/** How long the machine slept; not in `dt_ns`, for which time stands still then. */
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
	/** Measured length of the interval, not the one asked for. */
	dt_ns: Ns;
	/** Only where the interval was far longer than asked. */
	gap?: Gap;
	/** What a row stands for (`process`, `thread`, …). */
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
