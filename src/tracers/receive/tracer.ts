/** Received packets: time by stage from the driver to the process that reads them. */

import type { Tracer } from '../../core/tracer.ts';
import { receiveDescription } from './description.ts';
import { ReceiveSession } from './session.ts';
import type { ReceiveExtra, ReceiveRow } from './snapshot.ts';

export const receive: Tracer<ReceiveRow, ReceiveExtra> = {
	...receiveDescription,
	start: (host) => new ReceiveSession(host),
};
