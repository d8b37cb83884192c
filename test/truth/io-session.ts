/** The IO tracer on the running kernel: what its tests set up and end alike. */
import { afterEach } from 'vitest';
import type { IoExtra, IoRow } from '../../src/io/snapshot.ts';
import { io } from '../../src/tracers/io.ts';
import type { Options, Session } from '../../src/tracers/tracer.ts';
import { realHost } from './host.ts';

export type IoSession = Session<IoRow, IoExtra>;

/** Begins sessions, which the test's end closes. Once for a test file, with the options that its tests have in common. */
export function ioSessions(common: Options = {}): (options?: Options) => IoSession {
	const sessions: IoSession[] = [];
	afterEach(() => {
		for (const session of sessions.splice(0)) session.close();
	});
	return (options = {}) => {
		const session = io.start(realHost(), { slow: 1000, ...common, ...options });
		sessions.push(session);
		return session;
	};
}
