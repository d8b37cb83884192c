/** Events of the moment shown, for the time axes of other tabs. */
import { createContext } from 'react';
import type { EventsHistory } from './event-marks.ts';

/** Oldest first; empty: none are known. */
export const EventsContext = createContext<EventsHistory>([]);
