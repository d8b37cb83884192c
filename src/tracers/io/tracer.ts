/** Block IO: time of requests by stage, and the processes they belong to. */

import type { Tracer } from '../../core/tracer.ts';
import { ioDescription } from './description.ts';
import { DeviceOnly } from './device-only.ts';
import { IoSession } from './session.ts';
import type { IoExtra, IoRow } from './snapshot.ts';

export const io: Tracer<IoRow, IoExtra> = {
	...ioDescription,
	start: (host, options) => (options['device-only'] ? new DeviceOnly(host, options) : new IoSession(host, options)),
};
