/**
 * The contract of a tracer: one BPF object plus the code that turns its maps into rows. A {@link Description} is cheap to
 * import anywhere (screen, help, options); a {@link Tracer} starts the {@link Session} that does the work, and is imported
 * only where something is sampled.
 */

import type { ColumnKind } from '../lib/format.ts';
import type { SafeText } from '../lib/sanitize.ts';
import type { Count, Ns } from '../lib/units.ts';
import type { Fold } from './fold.ts';
import type { BpfAddon } from './native.ts';
import type { Snapshot, Source } from './snapshot.ts';

/** One column of a tracer's table: the single source of header, sort key, help text and format. */
export interface Column<Row> {
	/** Sort key, and the JSON field where the value is one. */
	key: string;
	/** Header, as short as the field's own terms allow. */
	title: string;
	/** Further names in filters, beside key and header (see docs/filter.md). */
	aliases?: readonly string[];
	kind: ColumnKind;
	/** Cells, without the gap; `grow` columns take the remaining width. */
	width: number;
	grow?: boolean;
	/** Names the row: in a tree it is indented. */
	label?: boolean;
	/** Lower numbers stay longest when the screen is narrow. */
	priority: number;
	/** One sentence for the help screen: meaning, unit, source. */
	help: string;
	/** Sorted ascending at first, unlike other figures (ages: the newest is read first). */
	smallestFirst?: boolean;
	/** false: the column is left out (figures of missing hardware). */
	shown?(snapshot: object): boolean;
	/** `seconds` is the measured length of the interval, for rates. */
	value(row: Row, seconds: number): number | SafeText;
}

/** The result of a read. Counts and times are of the interval since the last read unless the name ends in `_total`. */
export interface Reading<Row, Extra extends object> {
	rows: Row[];
	/** The fields of this tab's snapshots beside the common ones (see docs/batch.md). */
	extra: Extra;
	source: Source;
	/** Events lost since start, by cause; causes with 0 are listed too, so that a reader sees what is watched. */
	lost: Record<string, number>;
	/**
	 * Rows of the tracer's first group, for tracers made of others, where `rows` are of another group. Built on the first
	 * call, which must come before the next read.
	 */
	ungrouped?(): readonly Row[];
	/** Length of the interval by the counters themselves, for sessions whose caller has asked for it instead of its own. */
	span_ns?: Ns;
}

/** Cost of programs of one object whose runs are counted together, since they were loaded. */
export interface ProgramCost {
	/** Of the object and the programs: the same when they are loaded again. */
	name: string;
	/** Number of the loading. */
	load: number;
	/** Runs, counted by the programs themselves; null: they do not count. */
	runs: Count | null;
	/** Runs and time that the kernel counted, while its statistics were on. */
	seen: { runs: Count; ns: Ns };
}

/** Own cost of a tracer's BPF programs, cumulative. */
export interface BpfCost {
	/** Time and runs that the kernel counted, while its statistics were on. */
	ns: Ns;
	runs: Count;
	programs: readonly ProgramCost[];
	/** Runs the kernel skipped (see {@link Reading.lost}). */
	recursionMisses: number;
	/** Durations below 0, which count as 0 ns (bpf/lib/duration.bpf.h). */
	negative: number;
}

/** Of a tracer without programs. */
export const NO_COST: BpfCost = { ns: 0, runs: 0, programs: [], recursionMisses: 0, negative: 0 };

/** Snapshots of the measuring tracers in this tick, by id, with rows of their first group, whatever the screen shows. */
export type Tick = ReadonlyMap<string, Snapshot>;

export interface Session<Row, Extra extends object> {
	/**
	 * Read the maps. `dt` is the measured time since the previous read (or since start), `group` one of the tracer's
	 * groups. `tick` is for tracers made of others ({@link Tracer.from}).
	 */
	read(dt: Ns, group: string, tick?: Tick): Reading<Row, Extra>;
	/**
	 * Take what the kernel has queued for this session since the last call; short. Called several times in a long interval, so
	 * that rings hold the events of a fraction of a second and not those of the whole interval.
	 */
	drain?(): void;
	/** Change options while running (a filter in the kernel, the process in focus). Counters go on. */
	tune?(changes: Options): void;
	/**
	 * Sum over this tracer's BPF programs. Unless `fresh` is true or not given, what the kernel counts (their time, skipped
	 * runs) may be some seconds old: asking takes a system call for each program.
	 */
	cost(fresh?: boolean): BpfCost;
	/**
	 * The cost of these programs in the interval that ends, as a share of one CPU; undefined: not known. Called before
	 * {@link read}.
	 */
	takeCost?(share: number | undefined): void;
	/** Detach and release everything. Idempotent. */
	close(): void;
}

/** What a tracer may use while starting. */
export interface Host {
	addon: BpfAddon;
	/** Path of a built BPF object by tracer id. */
	objectPath(id: string): string;
	/** Roots of proc and sysfs, so that fixtures can replace hardware. */
	procRoot: string;
	sysRoot: string;
	/** CPUs that are online now; 0: not known. */
	readonly cpus: number;
	/** Starts what else is to be started, while the kernel verifies programs on another thread; absent: there is nothing. */
	readonly meanwhile?: (() => void) | undefined;
}

/** A tracer's own options, already parsed (watts of the model, threshold of slow requests, …). */
export type Options = Record<string, number | string | boolean>;

/** One command-line option that belongs to a tracer: parsed, checked and documented from here. */
export interface OptionSpec {
	/** Long name without dashes, e.g. `slow`. */
	name: string;
	short?: string;
	type: 'number' | 'string' | 'boolean';
	default: number | string | boolean;
	/** Accepted values of a string. */
	choices?: readonly string[];
	/** The error in a string, to follow the option's name; undefined: none. */
	invalid?(text: string): string | undefined;
	min?: number;
	max?: number;
	/** Of a number: integers only. */
	integer?: true;
	/** Of a string that is a JSON object: in the configuration file it is a table of this name. */
	table?: string;
	/** Placeholder in help, e.g. `MS`. */
	placeholder?: string;
	/** Names of options that decide the same thing another way: both at once are refused. */
	excludes?: readonly string[];
	help: string;
}

/** A word and the sentence that explains it. */
export type Term = readonly [string, string];

/** What a tracer is, without the code that measures: that would be half of what the screen loads before its first frame. */
export interface Description<Row> {
	/** Name in `--tab`, of the BPF object and of the JSON field `tab`. */
	id: string;
	/** Title of the tab. */
	title: string;
	/** One sentence for help. */
	summary: string;
	columns: readonly Column<Row>[];
	/** Key of the initial sort column (descending for numbers). */
	defaultSort: string;
	/** Groups of `--group` and the `t` key; the first is the default. */
	groups: readonly string[];
	/** Groups that are folded from process rows instead of read by the session. */
	fold?: Fold<Row>;
	options: readonly OptionSpec[];
	/**
	 * What is wrong with option values that do not go together, as one line; undefined: nothing. `given`: those of the command
	 * line only.
	 */
	checkOptions?(values: Options, given: Options): string | undefined;
	/** Built from the snapshots of these tracers in the same tick instead of the kernel's figures; unavailable ones are missing. */
	from?: readonly string[];
	/** Columns of the field `changes` of the tab's snapshots (what began and ended), for `--fail-if`. Absent: there is none. */
	changes?: readonly Column<object>[];
	/** Words of the tab that need explaining, beside its columns. Loaded when help or documents are made of them. */
	terms?(): Promise<readonly Term[]>;
	/** Stable identity of a row across intervals (selection, history). */
	rowKey(row: Row): string;
	/** The process of a row, `pid:start` in ns since boot: the selection follows it to other tabs. */
	processOf?(row: Row): string | undefined;
	/** Options that make a session collect all details of one process, the one in focus; 0: none. */
	focus?(pid: number): Options;
	/** Single events of a snapshot, oldest first, for tracers that report such: each as a row of its own, and as a line of text. */
	singles?(snapshot: object): readonly { record: object; row: object; line: SafeText }[];
	/** Its tab is opened by a key of its own; it has no digit, and is on the tab line only while it is open. */
	apart?: boolean;
	/** Too expensive to run unasked: started when its tab is opened, stopped a minute after it was left. */
	onDemand?: boolean;
}

export interface Tracer<Row, Extra extends object> extends Description<Row> {
	/**
	 * Load and attach. `group`: group of the first rows, where it was chosen. Throws {@link Unavailable} with the missing
	 * mechanism; nothing stays loaded then.
	 */
	start(host: Host, options: Options, group?: string): Session<Row, Extra>;
}
