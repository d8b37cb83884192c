import assert from 'node:assert/strict';
import { events } from '../../../src/tracers/events/tracer.ts';
import type { Check } from '../check.ts';
import { isPlain } from '../machines.ts';

/** Longer than the 20 s after which the kernel reports a soft lockup. */
const STOP_S = 26;

export default {
	shows:
		'A guest that its host stops for 26 s has gaps of the tick that are not taken for interrupts off, and the soft lockups that the kernel logs.',
	on: isPlain,
	// the kernel logs a lockup
	last: true,
	limit: 300,
	async run(guest) {
		// idle CPUs need no tick
		for (let cpu = 0; cpu < guest.machine.cpus; cpu++)
			guest.start('taskset', '-c', cpu, 'sh', '-c', 'while :; do :; done');
		const session = guest.measure(events);
		session.read();
		await guest.seconds(3);
		session.read();
		guest.onHost({ stop_s: STOP_S });
		const seen: { kind: string; reason: string; gap_ns: number }[] = [];
		for (let tries = 0; tries < 30; tries++) {
			await guest.seconds(2);
			for (const { kind, reason, figures } of session.read().extra.events)
				if (kind === 'tick-gap' || kind === 'lockup') seen.push({ kind, reason, gap_ns: figures['gap_ns'] ?? 0 });
			const long = seen.some(({ gap_ns }) => gap_ns > 20e9);
			if (long && tries > 5) break;
		}
		const gaps = seen.filter(({ kind, gap_ns }) => kind === 'tick-gap' && gap_ns > 20e9);
		const lockups = seen.filter(({ kind }) => kind === 'lockup');
		const logged = (await guest.run('dmesg')).match(/soft lockup - CPU#\d+/g) ?? [];
		guest.note(
			`${gaps.map(({ reason, gap_ns }) => `${reason} ${(gap_ns / 1e9).toFixed(1)} s`).join(', ')}; ${logged.length} soft lockups logged, ${lockups.length} reported`,
		);
		assert.ok(gaps.length > 0, 'no gap of the stop');
		assert.ok(
			gaps.every(({ reason }) => reason === 'STOLEN' || reason === 'UNKNOWN'),
			JSON.stringify(gaps),
		);
		// whether it sees one depends on which of its two timers is first after the stop
		assert.equal(lockups.filter(({ reason }) => reason === 'SOFT').length, logged.length);
	},
} satisfies Check;
