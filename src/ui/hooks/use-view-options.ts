/** Tells the tracer of a tab which of its views is open, where that makes it measure more. */
import { useEffect, useRef } from 'react';
import type { AppActions } from '../actions.ts';
import type { ActiveTab } from './use-active-tab.ts';

export function useViewOptions(
	{ tracer: { id }, loaded, chosen: { view } }: Pick<ActiveTab, 'tracer' | 'loaded' | 'chosen'>,
	tune: AppActions['tune'],
): void {
	/** Tab and view for which the options were set last. */
	const last = useRef<{ id: string; view: number } | null>(null);
	useEffect(() => {
		const before = last.current;
		const name = loaded?.views?.[view];
		if (!loaded?.viewOptions || name === undefined) return;
		// the first view is what the tracer starts with
		if (view === 0 && (before === null || (before.id === id && before.view === 0))) return;
		last.current = { id, view };
		tune(id, loaded.viewOptions(name));
	}, [id, loaded, view, tune]);
}
