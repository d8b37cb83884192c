/** The open tab: its snapshots up to the moment shown, the code that draws it, its table. */
import { useEffect, useMemo, useState, useSyncExternalStore } from 'react';
import type { Snapshot } from '../../core/snapshot.ts';
import { withLazyRows } from '../../history/archive.ts';
import type { Store, TabStatus } from '../../history/store.ts';
import type { Ns } from '../../lib/units.ts';
import type { Baseline } from '../state/baseline.ts';
import { type TabState, tabState, type UiState } from '../state/state.ts';
import type { TabEntry, TabTracer, TabView } from '../tab.ts';
import { type TableInUse, useTable } from './use-table.ts';

/** A tab whose code could not be loaded is an error that is shown in its area. */
type LoadedView = TabView<never, object> | Error;

export interface ActiveTab {
	tracer: TabTracer<never>;
	status: TabStatus;
	/** Oldest first; the last one is shown. */
	history: readonly Snapshot[];
	snapshot: Snapshot | undefined;
	/** null: not loaded yet. */
	view: LoadedView | null;
	/** The view, if it was loaded without an error. */
	loaded: TabView<never, object> | undefined;
	table: TableInUse;
	/** The user's choices for it. */
	chosen: TabState;
	/** Unit of its histogram's bars, ns; null: it cannot be chosen. */
	unit: Ns | null;
}

/** The code of all tabs is loaded after the first frame; null until a tab's is there. */
function useTabView(tabs: readonly TabEntry[], id: string): LoadedView | null {
	const [views, setViews] = useState<Readonly<Record<string, LoadedView>>>({});
	useEffect(() => {
		let mounted = true;
		for (const { tracer, tab } of tabs) {
			const put = (view: LoadedView) => {
				if (mounted) setViews((before) => ({ ...before, [tracer.id]: view }));
			};
			tab().then(put, (error: unknown) => put(error instanceof Error ? error : new Error(String(error))));
		}
		return () => {
			mounted = false;
		};
	}, [tabs]);
	return views[id] ?? null;
}

export function useActiveTab(
	tabs: readonly TabEntry[],
	store: Store,
	state: UiState,
	baseline: Baseline | null,
): ActiveTab {
	const { tracer } = tabs.find((one) => one.tracer.id === state.tab) ?? (tabs[0] as TabEntry);
	const { id } = tracer;
	const view = useTabView(tabs, id);
	const kept = useSyncExternalStore(store.subscribe, () => store.history(id));
	const history = useMemo(() => kept.map(withLazyRows), [kept]);
	const status = useSyncExternalStore(store.subscribe, () => store.status(id));
	const snapshot = history.at(-1);
	const loaded = view && !(view instanceof Error) ? view : undefined;
	const table = useTable(tabs, tracer, loaded, history, state, baseline);
	const unit = snapshot && loaded?.unit ? (state.unit ?? loaded.unit(snapshot as never)) : null;
	const chosen = tabState(state, id);
	return useMemo(
		() => ({ tracer, status, history, snapshot, view, loaded, table, chosen, unit }),
		[tracer, status, history, snapshot, view, loaded, table, chosen, unit],
	);
}
