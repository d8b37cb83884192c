/** The interface between a tab and the rest of the screen. */
import type { ReactElement } from 'react';
import type { Snapshot } from '../core/snapshot.ts';
import type { Column, Description, Options } from '../core/tracer.ts';
import type { Band, Buckets } from '../lib/histogram.ts';
import type { SafeText } from '../lib/sanitize.ts';
import type { Ns } from '../lib/units.ts';
import type { Keymap } from '../options/keymap.ts';
import type { Sort } from '../rows/sort.ts';
import type { Span } from '../term/theme.ts';
import type { Link } from '../tracers/overview/finding.ts';
import type { Area } from './layout/split.ts';
import type { TabBaseline } from './state/baseline.ts';

/** A column that may draw a bar in place of its formatted value. */
export interface TableColumn<Row> extends Column<Row> {
	/** In `width` cells. Such a column is not among the figures of the detail. */
	draw?(row: Row, width: number): readonly Span[];
}

export interface TabProps<Row, Extra extends object, SnapshotRow = Row> extends Area {
	/** The user's choice, in the user's order. */
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
	/** A filter or a band hides rows. */
	filtered: boolean;
	/** Figures to compare with; null: none. */
	baseline: TabBaseline<Row> | null;
	logarithmic: boolean;
	/** Bars of histograms are powers of two of this, ns. */
	unit: Ns;
	/** The selected bar of the histograms; null: none. Rows without times in it are not among `rows`. */
	band: Band | null;
	/** Index into {@link TabView.views}. */
	view: number;
	/** One of {@link TabView.stages}; null: none. */
	stage: string | null;
	/** Nothing is measured: keys that change that have no effect. */
	recorded?: boolean;
	/** For keys that the tab itself names. */
	keymap: Keymap;
	/** The snapshot of another tab whose interval has this time; undefined: none is kept. */
	at(tab: string, mono_ns: Ns): Snapshot | undefined;
}

/** The area beside a table, which fills a detail. */
export interface Pane<Row> {
	/** Rows that it asks for when stacked with the table, and the least that it needs. */
	rows: number;
	least: number;
	/** It is about the selected row: it goes below the table. */
	below?: boolean;
	/** The user has asked for it: it gets most of the rows. */
	first?: boolean;
	/** @param row the selected one */
	draw(area: Area, row: Row | undefined): ReactElement;
}

/** What a tab shows around and instead of its table. */
export interface TabContent<Row> {
	/** Heading of the detail. */
	title: string;
	/** Lines above the table. */
	head: readonly string[];
	/** Shown when there is no row at all. */
	empty: string;
	/** The pane of a detail has all figures of its row: no list of them comes before it. */
	whole?: true;
	/** What Enter does in the detail, for its heading; absent: nothing. */
	enter?: string | undefined;
	pane?: Pane<Row> | undefined;
}

/** What the rows of a table are to the screen. */
interface RowView<Row, Extra extends object, SnapshotRow> {
	/** Called for every frame. */
	content(props: TabProps<Row, Extra, SnapshotRow>): TabContent<Row>;
	/** Name of a row that is no process, for the breadcrumb. Without it there is no detail. */
	nameOf?(row: Row): SafeText;
	/** The row of a process has a detail, too: the lens opens from there. */
	detailFirst?: true;
	/** Options that make the tracer measure this row only; without a row: everything again. Empty: not for such rows. */
	narrow?(row: Row | undefined, snapshot: Snapshot<SnapshotRow, Extra>): Options;
}

export interface TabView<Row, Extra extends object> extends RowView<Row, Extra, Row> {
	/** Options of the tracer for one of its views, by the view's name; without it: none. */
	viewOptions?(view: string): Options;
	/** Options that measure more at a higher cost, or end that where it is measured. Empty: it cannot be measured. */
	fullPath?(snapshot: Snapshot<Row, Extra>): Options;
	/** Unit of the histogram's bars until the user chooses another. Without it: powers of two of ns. */
	unit?(snapshot: Snapshot<Row, Extra>): Ns;
	/** Names of the tab's views; the first is shown at first. */
	views?: readonly string[];
	/** By name, views whose rows are not the tracer's. */
	lists?: Readonly<Record<string, TabList<never, Extra, Row>>>;
	/** Parts of a row's time that have a histogram. */
	stages?(snapshot: Snapshot<Row, Extra>): readonly string[];
	/** The times of a row that the histogram shows. Without: its `buckets`. */
	buckets?(row: Row, stage: string | null): Buckets | undefined;
	/** Rows that are not in the table return false. */
	listed?(row: Row): boolean;
	/** Targets of the keys of `finding`, in their order. */
	links?(snapshot: Snapshot<Row, Extra>): readonly Link[];
	/** Sections of the help beside the columns. */
	help?: readonly HelpSection[];
}

/** A table of other things than the tracer's rows. */
export interface TabList<Row, Extra extends object, SnapshotRow> extends RowView<Row, Extra, SnapshotRow> {
	columns: readonly TableColumn<Row>[];
	defaultSort: string;
	rowKey(row: Row): string;
	/** See {@link Tracer.processOf}; without it no row is a process. */
	processOf?: (row: Row) => string | undefined;
	/** @param baseline the tracer's rows at the baseline; null: none is marked */
	rows(
		snapshot: Snapshot<SnapshotRow, Extra>,
		history: readonly Snapshot<SnapshotRow, Extra>[],
		baseline: readonly SnapshotRow[] | null,
	): readonly Row[];
	/** Rows are in the order of a tree, children below their parent with a greater `depth`. */
	tree?: true;
	/** The row's time, by which a band selects rows. */
	time(row: Row): Ns;
}

/** Terms and their explanations. */
export interface HelpSection {
	title: string;
	entries: readonly (readonly [string, string])[];
}

/** The part of a tracer that the screen uses. */
export type TabTracer<Row> = Pick<
	Description<Row>,
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
	| 'apart'
>;

/** One entry of the registry, as far as the screen needs it. Rows are passed to the columns of their own tracer only. */
export interface TabEntry {
	tracer: TabTracer<never>;
	/** Loaded after the first frame. */
	tab(): Promise<TabView<never, object>>;
}

/** The key of each tab: 1 and up for those that measure, 0 for the overview made of them; empty: none. */
export function digitsOf(tabs: readonly { tracer: Pick<TabTracer<never>, 'from' | 'apart'> }[]): string[] {
	let last = 0;
	return tabs.map(({ tracer }) => (tracer.apart ? '' : tracer.from ? '0' : String(++last)));
}
