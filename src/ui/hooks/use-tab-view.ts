/** The code of the tabs, loaded after the first frame. */
import { useEffect, useState } from 'react';
import type { TabEntry, TabView } from '../tab.ts';

/** A tab that could not be loaded is an error in its own place. */
export type LoadedView = TabView<never, object> | Error;

/** null until it is there. */
export function useTabView(tabs: readonly TabEntry[], id: string): LoadedView | null {
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
