/** A tracer on the running kernel: what its tests set up, read and end alike. */
import { afterEach } from 'vitest';
import type { Host, Options, Reading, Session, Tracer } from '../../src/core/tracer.ts';
import { realHost } from './host.ts';

export interface Sessions<Row extends object, Extra extends object> {
	/** Begin one, which the test's end closes. */
	start(options?: Options, host?: Host): Session<Row, Extra>;
	/** What has happened since the last read of the one begun last; by the tracer's first group by default. */
	read(group?: string): Reading<Row, Extra>;
}

/** Once for a test file. `check` is asked about every reading. */
export function sessionsOf<Row extends object, Extra extends object>(
	tracer: Tracer<Row, Extra>,
	check: (reading: Reading<Row, Extra>) => void = () => undefined,
): Sessions<Row, Extra> {
	const sessions: Session<Row, Extra>[] = [];
	let readAt = 0;
	const now = () => Number(process.hrtime.bigint());

	afterEach(() => {
		for (const session of sessions.splice(0)) session.close();
	});

	return {
		start(options = {}, host = realHost()) {
			const session = tracer.start(host, options);
			sessions.push(session);
			readAt = now();
			return session;
		},
		read(group = tracer.groups[0] as string) {
			const session = sessions.at(-1);
			if (!session) throw new Error('no session was started');
			const at = now();
			const reading = session.read(at - readAt, group);
			readAt = at;
			check(reading);
			return reading;
		},
	};
}
