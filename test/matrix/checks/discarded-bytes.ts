import assert from 'node:assert/strict';
import { io } from '../../../src/tracers/io/tracer.ts';
import type { Check } from '../check.ts';

const BYTES = 64 << 20;

export default {
	shows: 'Discarded bytes are bytes written neither of the process that discards nor of any other.',
	on: ({ arch, disk }) => arch === 'amd64' && disk !== 'nvme',
	async run(guest) {
		const session = guest.measure(io, { slow: 1000 }, 'process');
		session.read();
		await guest.run('blkdiscard', '-l', BYTES, guest.disk);
		await guest.seconds(0.5);
		const { rows, extra } = session.read('operation');
		assert.ok(
			rows.some(({ op }) => op === 'discard'),
			'the load made no discard',
		);
		const written = extra.processes.flatMap(({ comm, bytes_written }) =>
			bytes_written > 0 ? [`${comm} ${bytes_written}`] : [],
		);
		assert.deepEqual(written, []);
	},
} satisfies Check;
