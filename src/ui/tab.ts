/** What a tab is to the rest of the screen. */
import type { ReactElement } from 'react';
import type { Snapshot } from '../core/snapshot.ts';
import type { Column, Options, Tracer } from '../core/tracer.ts';
import type { Band, Buckets } from '../lib/histogram.ts';
import type { SafeText } from '../lib/sanitize.ts';
import type { Ns } from '../lib/units.ts';
import type { Keymap } from '../options/keymap.ts';
import type { Sort } from '../rows/sort.ts';
import type { Span } from '../term/theme.ts';
import type { Link } from '../tracers/overview/finding.ts';
import type { TabBaseline } from './state/baseline.ts';

/** A column that draws itself where text alone would not do. */
export interface TableColumn<Row> extends Column<Row> {
	/** In `width` cells; takes the place of the formatted value, and has no place among the figures of one row. */
	draw?(row: Row, width: number): readonly Span[];
}

export interface TabProps<Row, Extra extends object, SnapshotRow = Row> {
	/** Those that the user wants to see, in that order. */
	columns: readonly TableColumn<Row>[];
	/** All of them, for the detail. */
	allColumns: readonly TableColumn<Row>[];
	snapshot: Snapshot<SnapshotRow, Extra>;
	/** Oldest first, `snapshot` last. Older ones have lost the lists in their rows (`buckets`), and may have lost all rows. */
	history: readonly Snapshot<SnapshotRow, Extra>[];
	/** Filtered and sorted. */
	rows: readonly Row[];
	sort: Sort;
	/** Index into `rows`; -1: none. */
	selected: number;
	/** The selected row fills the tab. */
	detail: boolean;
	rowKey(row: Row): string;
	/** A filter is why rows are missing. */
	filtered: boolean;
	/** What figures are compared with; null: nothing. */
	baseline: TabBaseline<Row> | null;
	logarithmic: boolean;
	/** Bars of histograms are powers of two of this, ns. */
	unit: Ns;
	/** The bar that is looked at in histograms; null: none. Rows without it are not among `rows`. */
	band: Band | null;
	/** Index into {@link TabView.views}. */
	view: number;
	/** One of {@link TabView.stages}; null: none. */
	stage: string | null;
	/** For keys that the tab itself names. */
	keymap: Keymap;
	/** Cells and rows for the tab. */
	width: number;
	height: number;
	/** To be told how many rows the table shows, for the paging keys. */
	page: { current: number };
}

export interface TabView<Row, Extra extends object> {
	View: (props: TabProps<Row, Extra>) => ReactElement;
	/** Name of a row that is no process, for the breadcrumb. A tab without has no detail. */
	nameOf?(row: Row): SafeText;
	/** Options that make the tracer measure this row only; without a row: everything again. Empty: not for such rows. */
	narrow?(row: Row | undefined, snapshot: Snapshot<Row, Extra>): Options;
	/** Options that measure more at a higher cost, or (where it is measured) no longer. Empty: it cannot be. */
	fullPath?(snapshot: Snapshot<Row, Extra>): Options;
	/** Unit of the histogram's bars until the user chooses another. A tab without has powers of two of ns. */
	unit?(snapshot: Snapshot<Row, Extra>): Ns;
	/** Names of what the tab can show; the first is shown at first. */
	views?: readonly string[];
	/** By name, views whose rows are not the tracer's. */
	lists?: Readonly<Record<string, TabList<never, Extra, Row>>>;
	/** Parts of a row's time whose histogram can be looked at. */
	stages?(snapshot: Snapshot<Row, Extra>): readonly string[];
	/** The times of a row that the histogram shows. Without: its `buckets`. */
	buckets?(row: Row, stage: string | null): Buckets | undefined;
	/** Rows that are shown apart from the table return false. */
	listed?(row: Row): boolean;
	/** Where the keys of `finding` go, in their order. */
	links?(snapshot: Snapshot<Row, Extra>): readonly Link[];
	/** What the help has to say beside the columns. */
	help?: readonly HelpSection[];
}

/** A table of other things than the tracer's rows. */
export interface TabList<Row, Extra extends object, SnapshotRow> {
	columns: readonly TableColumn<Row>[];
	defaultSort: string;
	rowKey(row: Row): string;
	rows(snapshot: Snapshot<SnapshotRow, Extra>, history: readonly Snapshot<SnapshotRow, Extra>[]): readonly Row[];
	View: (props: TabProps<Row, Extra, SnapshotRow>) => ReactElement;
	nameOf?(row: Row): SafeText;
	narrow?(row: Row | undefined, snapshot: Snapshot<SnapshotRow, Extra>): Options;
	/** What bars of histograms are chosen by. */
	time(row: Row): Ns;
}

/** Names and words. */
export interface HelpSection {
	title: string;
	entries: readonly (readonly [string, string])[];
}

/** What the screen uses of a tracer. */
export type TabTracer<Row, Extra extends object> = Pick<
	Tracer<Row, Extra>,
	| 'id'
	| 'title'
	| 'summary'
	| 'columns'
	| 'defaultSort'
	| 'groups'
	| 'rowKey'
	| 'processOf'
	| 'focus'
	| 'from'
	| 'terms'
>;

/** One entry of the registry, as far as the screen needs it. A row only ever meets the columns it came with. */
export interface TabEntry {
	tracer: TabTracer<never, object>;
	/** Loaded after the first frame. */
	tab(): Promise<TabView<never, object>>;
}

/** The digit of each tab: those that measure from 1 on, what is made of them 0. */
export function digitsOf(tabs: readonly { tracer: Pick<TabTracer<never, object>, 'from'> }[]): string[] {
	let last = 0;
	return tabs.map(({ tracer }) => (tracer.from ? '0' : String(++last)));
}
