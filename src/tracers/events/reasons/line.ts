/** A row of the table of reasons. */
import type { EventCause, EventSeverity } from '../snapshot.ts';

/** `reasons`: names with blanks between them; `*`: all others of the kind. */
export type Line = readonly [
	reasons: string,
	cause: EventCause,
	severity: EventSeverity,
	meaning: string,
	advice: string,
];
