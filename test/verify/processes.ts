/** CPU time and run-queue wait of processes against /proc/PID/task/TID/schedstat. */
import { energy } from '../../src/tracers/energy/tracer.ts';
import { runqlat } from '../../src/tracers/runqlat/tracer.ts';
import { type Counters, type Sample, sample } from '../truth/counters.ts';
import { realHost, seconds } from '../truth/host.ts';
import { childrenOf, schedstat, type Workloads } from '../truth/workload.ts';
import { type Check, checkCounters } from './check.ts';

/** schedstat of a running thread is behind by up to a tick of its CPU (HZ=100 at worst); ours is not. ns */
const TRUTH_LAG = 10e6;

/** Reads totals by pid. */
interface Meter {
	ours(): Counters;
	kernel(pid: number): number;
}

function take(meter: Meter, pids: readonly number[]): Sample {
	return sample(() => new Map(pids.map((pid) => [String(pid), meter.kernel(pid)])), meter.ours);
}

async function over(meter: Meter, pids: readonly number[], length: number): Promise<{ from: Sample; to: Sample }> {
	const from = take(meter, pids);
	await seconds(length);
	return { from, to: take(meter, pids) };
}

/** Hogs, bursts, many threads: what of each process is farthest from its truth counts, and their sum. */
export async function cpuTime(loads: Workloads): Promise<Check[]> {
	const session = energy.start(realHost(), {});
	const started = [
		loads.start(0, 'threads', 1, 60, 0.01, 0),
		loads.start(1, 'threads', 1, 60, 0.001, 0.003),
		loads.start(undefined, 'threads', 6, 60, 0.0005, 0.004),
	];
	const pids = started.map(({ pid }) => pid);
	const meter: Meter = {
		ours: () => new Map(session.read(1e9, 'process').rows.map((row) => [String(row.pid), row.cpu_ns_total])),
		kernel: (pid) => schedstat(pid).cpu_ns,
	};
	try {
		await seconds(0.5);
		const checks: Check[] = [];
		for (const [length, bound] of [
			[1, 0.006],
			[5, 0.0015],
		] as const) {
			const samples = await over(meter, pids, length);
			const each = pids.map((pid) =>
				checkCounters(`CPU time, one process, ${length} s`, 'schedstat, field 1', 'ns', samples, [String(pid)], {
					bound,
					slack: TRUTH_LAG,
					note: 'the worst of 3 processes; schedstat may lag by a tick (10 ms allowed)',
				}),
			);
			checks.push(worst(each));
		}
		return checks;
	} finally {
		session.close();
		for (const child of started) child.kill();
	}
}

function worst(checks: readonly Check[]): Check {
	return checks.reduce((one, other) =>
		other.error > one.error || (other.error === one.error && Math.abs(other.fromMiddle) > Math.abs(one.fromMiddle))
			? other
			: one,
	);
}

/** Hogs that share a CPU, and tasks pushed from CPU to CPU while they wait. */
export async function runDelay(loads: Workloads): Promise<Check[]> {
	const session = runqlat.start(realHost(), {});
	const meter: Meter = {
		ours: () =>
			new Map(
				session
					.read(1e9, 'process')
					.rows.flatMap(({ key, wait_ns_total }) =>
						key.kind === 'process' ? [[String(key.id), wait_ns_total] as [string, number]] : [],
					),
			),
		kernel: (pid) => schedstat(pid).wait_ns,
	};
	const started = [1, 2, 3].map(() => loads.start(1, 'threads', 1, 60, 0.01, 0));
	const moving = loads.start(undefined, 'migrate', 4, 60);
	try {
		await seconds(0.7);
		const still = started.map(({ pid }) => pid);
		const moved = childrenOf(moving.pid);
		const samples = await over(meter, [...still, ...moved], 4);
		const bound = { bound: 0.003 };
		const truth = 'schedstat, field 2 (run_delay)';
		return [
			checkCounters('run-queue wait, hogs on one CPU', truth, 'ns', samples, still.map(String), bound),
			checkCounters('run-queue wait, tasks that migrate', truth, 'ns', samples, moved.map(String), bound),
		];
	} finally {
		session.close();
		for (const child of [...started, moving]) child.kill();
	}
}
