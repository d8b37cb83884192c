/** The open tab's table: the tracer's rows or those of one of the tab's lists, filtered, sorted, and limited to a band. */
import { useMemo } from 'react';
import type { Snapshot } from '../../core/snapshot.ts';
import { type FilterTab, offeredNames } from '../../rows/filter/names.ts';
import type { Sort } from '../../rows/sort.ts';
import type { Baseline, TabBaseline } from '../state/baseline.ts';
import { availableColumns, choicesOf, shownColumns } from '../state/columns.ts';
import { type ScreenModel, selectedIndex, sortOf, tabState, type UiState } from '../state/state.ts';
import type { TabEntry, TabList, TableColumn, TabTracer, TabView } from '../tab.ts';
import { type FilterInUse, useFilter } from './use-filter.ts';
import { rowsInBand, useRows } from './use-rows.ts';

type AnyView = TabView<never, object>;

export interface TableInUse {
	/** null: the rows are the tracer's. */
	list: TabList<never, object, never> | null;
	/** The code for its rows; undefined: not loaded yet. */
	view: Pick<AnyView, 'content' | 'nameOf' | 'narrow' | 'detailFirst'> | undefined;
	source: Pick<TabTracer<never>, 'columns' | 'defaultSort' | 'rowKey'>;
	/** Columns that apply to the snapshot; and the user's choice of them, in the user's order. */
	available: readonly TableColumn<never>[];
	columns: readonly TableColumn<never>[];
	sort: Sort;
	filter: FilterInUse;
	rows: readonly never[];
	/** Index into `rows`; -1: none. */
	selected: number;
	/** Its part of the model for commands. */
	model: Pick<
		ScreenModel,
		| 'columns'
		| 'choices'
		| 'allChoices'
		| 'defaultSort'
		| 'count'
		| 'keyAt'
		| 'selected'
		| 'processAt'
		| 'names'
		| 'filterValid'
	>;
}

/**
 * @param view undefined: not loaded yet
 * @param history oldest first; the last one is shown
 */
export function useTable(
	tabs: readonly TabEntry[],
	tracer: TabTracer<never>,
	view: AnyView | undefined,
	history: readonly Snapshot[],
	state: UiState,
	baseline: Baseline | null,
): TableInUse {
	const { id } = tracer;
	const tab = tabState(state, id);
	const snapshot = history.at(-1);
	const list = view?.lists?.[view.views?.[tab.view] ?? ''] ?? null;
	const source = list ?? tracer;
	const given = useMemo(
		() => (list && snapshot ? listed(list, snapshot, history, baseline?.tabs.get(id)) : snapshot),
		[list, snapshot, history, baseline, id],
	);
	const available = useMemo(() => availableColumns(source.columns, snapshot), [source, snapshot]);
	const columns = useMemo(() => shownColumns(available, tab.columns), [available, tab.columns]);
	const sort = useMemo(() => sortOf(tab.sort, available, source.defaultSort), [tab.sort, available, source]);
	const filterTabs = useMemo(() => [...tabs.map((one) => one.tracer), ...listsOf(id, view)], [tabs, id, view]);
	const filterTab = useMemo(() => ({ id, columns: source.columns }), [id, source]);
	const filter = useFilter(state.filter, filterTabs, filterTab);
	const all = useRows(given, source, list ? undefined : view?.listed, filter.bound.test, sort);
	const rows = useMemo(() => {
		const buckets = view?.buckets;
		return rowsInBand(all, state.band, list ? list.time : buckets && ((row) => buckets(row, tab.stage)));
	}, [all, state.band, list, view, tab.stage]);
	const processOf = list ? list.processOf : tracer.processOf;
	const order = useMemo(
		() => ({
			count: rows.length,
			keyAt: (index: number) => source.rowKey(rows[index] as never),
			processAt: (index: number) => (index in rows ? processOf?.(rows[index] as never) : undefined),
		}),
		[rows, source, processOf],
	);
	const selected = useMemo(() => selectedIndex(tab, order), [tab, order]);
	// the same object while nothing has changed: lines made from it are reused
	return useMemo(() => {
		const allChoices = choicesOf(source.columns, tab.columns);
		return {
			list,
			view: list ?? view,
			source,
			available,
			columns,
			sort,
			filter,
			rows,
			selected,
			model: {
				columns,
				choices: allChoices.filter(({ key }) => available.some((column) => column.key === key)),
				allChoices,
				defaultSort: source.defaultSort,
				...order,
				selected,
				names: () => offeredNames([filterTab, ...tabs.map((one) => one.tracer)], id),
				filterValid: filter.error === null,
			},
		};
	}, [list, view, source, available, columns, sort, filter, rows, selected, order, tab.columns, filterTab, tabs, id]);
}

/** The snapshot with the rows of a list. */
function listed(
	list: TabList<never, object, never>,
	snapshot: Snapshot,
	history: readonly Snapshot[],
	baseline: TabBaseline<never> | undefined,
): Snapshot {
	const rows = list.rows(snapshot as never, history as never, baseline ? [...baseline.rows.values()] : null);
	return { ...snapshot, rows, ...(list.tree && { group: 'tree' }) };
}

/** The tab's lists beside the tracer's rows, for filters. */
function listsOf(id: string, view: AnyView | undefined): FilterTab[] {
	return Object.values(view?.lists ?? {}).map(({ columns }) => ({ id, columns }));
}
