/** Waits of tasks that were moved to another CPU in their sleep, against stamps of the check's own: the kernel's have the sleep in them. */
import { readFileSync } from 'node:fs';
import { monotonicNs } from '../../src/lib/clock.ts';
import { ThreadTime } from '../../src/tracers/overview/tasks/time.ts';
import { TaskWalk } from '../../src/tracers/overview/tasks/walk.ts';
import type { RunqlatRow } from '../../src/tracers/runqlat/snapshot.ts';
import { runqlat } from '../../src/tracers/runqlat/tracer.ts';
import { type Counters, sample } from '../truth/counters.ts';
import { realHost, seconds } from '../truth/host.ts';
import { ownWaits } from '../truth/own-waits.ts';
import { childrenOf, schedstat, type Workloads } from '../truth/workload.ts';
import { type Check, checkCounters } from './check.ts';

const SLEEP = 1;

export async function movedAsleep(loads: Workloads): Promise<Check[]> {
	const load = loads.start(undefined, 'asleep', 4, 10, 60, SLEEP);
	const truth = ownWaits();
	const session = runqlat.start(realHost(), {});
	const walk = new TaskWalk(realHost());
	const times = new ThreadTime();
	const all = 'sleepers';
	let rows: RunqlatRow[] = [];
	let unstamped = 0;
	try {
		await seconds(1.5);
		const pids = childrenOf(load.pid).filter((pid) => readFileSync(`/proc/${pid}/comm`, 'utf8') === 'sleeper\n');
		const ended = () => pids.map((pid) => truth.waits().get(pid) ?? { count: 0, sum_ns: 0, max_ns: 0 });
		const truly = (): Counters => new Map([[all, ended().reduce((sum, { sum_ns }) => sum + sum_ns, 0)]]);
		const ours = (): Counters => {
			const reading = session.read(1e9, 'process');
			rows = reading.rows.filter(({ key }) => pids.includes(key.id));
			unstamped = reading.lost['unstamped'] ?? 0;
			return new Map([[all, rows.reduce((sum, { wait_ns_total }) => sum + wait_ns_total, 0)]]);
		};
		const kernel = () => pids.reduce((sum, pid) => sum + schedstat(pid).wait_ns, 0);
		// the overview reads run_delay itself
		let [runnable, walked] = [0, monotonicNs()];
		const parts = (): Counters => {
			const now = monotonicNs();
			const spent = times.take(walk.read().values(), now - walked);
			walked = now;
			for (const pid of pids) runnable += spent.get(pid)?.parts.runnable ?? 0;
			return new Map([[all, runnable]]);
		};
		await walk.ready;
		parts();
		const counted = () => rows.reduce((sum, { count_total }) => sum + count_total, 0);
		const waits = () => ended().reduce((sum, { count }) => sum + count, 0);
		const [from, kernelFrom] = [sample(truly, ours), kernel()];
		const partsFrom = sample(truly, parts);
		const before = { ours: counted(), truth: waits(), unstamped };
		for (let turn = 0; turn < 12; turn++) {
			await seconds(0.5);
			parts();
		}
		const partsTo = sample(truly, parts);
		const [kernelTo, to] = [kernel(), sample(truly, ours)];
		// those whose begin is not known have no time here: each may have been as long as the longest
		const missing = Math.max(0, waits() - before.truth - (counted() - before.ours));
		const longest = Math.max(...ended().map(({ max_ns }) => max_ns));
		return [
			checkCounters(
				'run-queue wait, tasks moved in their sleep',
				'own stamps at wake-up and switch',
				'ns',
				{ from, to },
				[all],
				{
					bound: 0.01,
					slack: missing * longest,
					note: `${unstamped - before.unstamped} waits unstamped; run_delay has ${((kernelTo - kernelFrom) / 1e9).toFixed(1)} s`,
				},
			),
			checkCounters(
				'waits in the parts of time, tasks moved in their sleep',
				'own stamps at wake-up and switch',
				'ns',
				{ from: partsFrom, to: partsTo },
				[all],
				// waits that go on are in the parts already: for each task one of two turns of the hogs
				{ bound: 0.02, slack: pids.length * 8e6 },
			),
		];
	} finally {
		session.close();
		walk.close();
		truth.close();
		load.kill('SIGKILL');
	}
}
