/** Waits of tasks that were moved to another CPU in their sleep, against stamps of the check's own: the kernel's have the sleep in them. */
import { readFileSync } from 'node:fs';
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
		const counted = () => rows.reduce((sum, { count_total }) => sum + count_total, 0);
		const waits = () => ended().reduce((sum, { count }) => sum + count, 0);
		const [from, kernelFrom] = [sample(truly, ours), kernel()];
		const before = { ours: counted(), truth: waits(), unstamped };
		await seconds(6);
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
		];
	} finally {
		session.close();
		truth.close();
		load.kill('SIGKILL');
	}
}
