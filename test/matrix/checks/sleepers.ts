import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { runqlat } from '../../../src/tracers/runqlat/tracer.ts';
import type { Check } from '../check.ts';
import { isPlain } from '../machines.ts';
import { losses } from '../support/agree.ts';

const SLEEP = 4;

/** Letter of /proc/TID/stat and the voluntary switches so far: a task that sleeps before and after, and has not run, slept. */
function sleepOf(tid: number): string | undefined {
	try {
		const stat = readFileSync(`/proc/${tid}/stat`, 'utf8');
		const switches = /^voluntary_ctxt_switches:\s*(\d+)/m.exec(readFileSync(`/proc/${tid}/status`, 'utf8'))?.[1];
		return /\) [SI] /.test(stat) ? switches : undefined;
	} catch {
		return undefined;
	}
}

export default {
	shows: 'Tasks that sleep and are moved to another CPU meanwhile are not listed as waiting.',
	on: isPlain,
	limit: 240,
	async run(guest) {
		const load = guest.start(guest.helper('sleepers'), 4, 10, SLEEP);
		const pids = (await load.firstLine).trim().split(' ').map(Number);
		const session = guest.measure(runqlat, {}, 'process');
		const wrong = new Set<string>();
		let listed: number[] = [];
		for (let reads = 0; reads < 24; reads++) {
			await guest.seconds(0.5);
			const before = new Map([...pids, ...listed].map((tid) => [tid, sleepOf(tid)]));
			const { extra, lost } = session.read();
			for (const { tid, comm, age_ns } of extra.waiting) {
				const slept = before.get(tid);
				if (age_ns > 1e9 && slept !== undefined && slept === sleepOf(tid))
					wrong.add(`${comm}[${tid}] sleeps, and is listed as waiting`);
			}
			listed = extra.waiting.map(({ tid }) => tid);
			if (reads === 23) guest.note(`lost ${JSON.stringify(losses(lost))}`);
		}
		assert.deepEqual([...wrong], []);
	},
} satisfies Check;
