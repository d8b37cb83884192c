/** The events of the moment shown, and the strip of them below the other tabs. */
import { useMemo, useSyncExternalStore } from 'react';
import type { Store } from '../../history/store.ts';
import { type EventsHistory, eventStrip } from '../widgets/event-marks.ts';

const EVENTS = 'events';

/** @param tab the open one; the events' own tab has no strip */
export function useEventStrip(store: Store, tab: string, width: number): [events: EventsHistory, strip: string] {
	const events = useSyncExternalStore(store.subscribe, () => store.history(EVENTS)) as EventsHistory;
	const strip = useMemo(() => (tab === EVENTS ? '' : eventStrip(events, width)), [events, tab, width]);
	return [events, strip];
}
