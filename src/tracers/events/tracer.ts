/** Events: kind, reason, the process or device, meaning and advice. */

import type { Tracer } from '../../core/tracer.ts';
import { eventsDescription } from './description.ts';
import { EventsSession } from './session.ts';
import type { EventRow, EventsExtra } from './snapshot.ts';

export const events: Tracer<EventRow, EventsExtra> = {
	...eventsDescription,
	start: (host, options) => new EventsSession(host, options),
};
