/** Profile: from a process to the functions in which it spends its time, and what it waits for. */

import type { Tracer } from '../../core/tracer.ts';
import { profileDescription } from './description.ts';
import { ProfileSession } from './session.ts';
import type { ProfileExtra, ProfileRow } from './snapshot.ts';

export const profile: Tracer<ProfileRow, ProfileExtra> = {
	...profileDescription,
	start: (host, options) => new ProfileSession(host, options),
};
