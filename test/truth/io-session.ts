/** The IO tracer on the running kernel. */

import type { Options, Session } from '../../src/core/tracer.ts';
import type { IoExtra, IoRow } from '../../src/tracers/io/snapshot.ts';
import { io } from '../../src/tracers/io/tracer.ts';
import { sessionsOf } from './tracer-session.ts';

export type IoSession = Session<IoRow, IoExtra>;

/** Begins sessions, which the test's end closes. Once for a test file, with the options that its tests have in common. */
export function ioSessions(common: Options = {}): (options?: Options) => IoSession {
	const { start } = sessionsOf(io);
	return (options) => start({ slow: 1000, ...common, ...options });
}
