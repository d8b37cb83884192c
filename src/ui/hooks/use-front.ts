/** The tab in front: its snapshots up to the moment shown, the code that draws it, its table. */
import { useSyncExternalStore } from 'react';
import type { Snapshot } from '../../core/snapshot.ts';
import type { Store, TabStatus } from '../../history/store.ts';
import type { Ns } from '../../lib/units.ts';
import { type TabState, tabState, type UiState } from '../state/state.ts';
import type { TabEntry, TabTracer, TabView } from '../tab.ts';
import { type LoadedView, useTabView } from './use-tab-view.ts';
import { type TableInUse, useTable } from './use-table.ts';

export interface TabInFront {
	tracer: TabTracer<never, object>;
	status: TabStatus;
	/** Oldest first; the last one is shown. */
	history: readonly Snapshot[];
	snapshot: Snapshot | undefined;
	/** null: not loaded yet. */
	view: LoadedView | null;
	/** What there is of it to ask; undefined where there is nothing to draw the tab with. */
	loaded: TabView<never, object> | undefined;
	table: TableInUse;
	/** What the user has chosen there. */
	chosen: TabState;
	/** Of the bars of its histogram, ns; null: it cannot be chosen. */
	unit: Ns | null;
}

export function useFront(tabs: readonly TabEntry[], store: Store, state: UiState): TabInFront {
	const { tracer } = tabs.find((one) => one.tracer.id === state.tab) ?? (tabs[0] as TabEntry);
	const { id } = tracer;
	const view = useTabView(tabs, id);
	const history = useSyncExternalStore(store.subscribe, () => store.history(id));
	const status = useSyncExternalStore(store.subscribe, () => store.status(id));
	const snapshot = history.at(-1);
	const loaded = view && !(view instanceof Error) ? view : undefined;
	const table = useTable(tabs, tracer, loaded, history, state);
	const unit = snapshot && loaded?.unit ? (state.unit ?? loaded.unit(snapshot as never)) : null;
	return { tracer, status, history, snapshot, view, loaded, table, chosen: tabState(state, id), unit };
}
