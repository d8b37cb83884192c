/** Tasks that sleep do not wait, however the scheduler has stamped them: by stamps of the test's own and the states of all tasks. */
import { readFileSync } from 'node:fs';
import { afterEach, expect, test, vi } from 'vitest';
import type { Session } from '../../src/core/tracer.ts';
import { monotonicNs } from '../../src/lib/clock.ts';
import type { RunqlatExtra, RunqlatRow } from '../../src/tracers/runqlat/snapshot.ts';
import { realHost, seconds } from './host.ts';
import { type EndedWaits, type OwnWaits, ownWaits, sleptThrough, type TaskState } from './own-waits.ts';
import { type RunqlatReading, runQueue } from './runqlat-session.ts';
import { childrenOf, schedstat } from './workload.ts';

vi.setConfig({ testTimeout: 180_000 });

const { loads, start } = runQueue();

let truth: OwnWaits | undefined;
afterEach(() => {
	truth?.close();
	truth = undefined;
});

/** Since 6.12 a sleeper that is moved may have a stamp. */
const delays = realHost().addon.hasMember('sched_entity', 'sched_delayed');
/** The queue's clock is that of the pick or the wake-up, ours that of the hook; ns. */
const SLACK = 2e6;

/** Hogs and sleepers that are moved as soon as they sleep; those that exist before us are asleep with a stamp by now. */
async function provoke(sleep: number): Promise<{ sleepers: number[]; stop(): void }> {
	const parent = loads.start(undefined, 'asleep', 4, 10, 40, sleep);
	await seconds(1.5);
	const isSleeper = (pid: number): boolean => readFileSync(`/proc/${pid}/comm`, 'utf8') === 'sleeper\n';
	return { sleepers: childrenOf(parent.pid).filter(isSleeper), stop: () => parent.kill('SIGKILL') };
}

const stampedAsleep = (states: Map<number, TaskState>, pids: readonly number[]): number =>
	pids.filter((pid) => states.get(pid)?.asleep && states.get(pid)?.stamped).length;

/** A session, and what its readings said so far. */
class Watched {
	/** By process; under 0 that of the machine. */
	readonly longest = new Map<number, number>();
	private readonly session: Session<RunqlatRow, RunqlatExtra>;
	private readAt = monotonicNs();
	private reading: RunqlatReading;
	private atBegin = new Map<number, RunqlatRow>();
	readonly unstampedAtStart: number;
	readonly name: string;
	private readonly options: Record<string, string | boolean>;

	constructor(name: string, options: Record<string, string | boolean>) {
		this.name = name;
		this.options = options;
		this.session = start(options);
		this.reading = this.take();
		this.unstampedAtStart = this.lost('unstamped');
	}

	private take(): RunqlatReading {
		const at = monotonicNs();
		const reading = this.session.read(at - this.readAt, this.options['system-only'] ? 'cpu' : 'process');
		this.readAt = at;
		return reading;
	}

	private rows(): Map<number, RunqlatRow> {
		return new Map(this.reading.rows.flatMap((row) => (row.key.kind === 'process' ? [[row.key.id, row]] : [])));
	}

	/** The truth has begun. */
	begin(): void {
		this.reading = this.take();
		this.atBegin = this.rows();
	}

	/** Waits of a process since then. */
	since(pid: number): { count: number; wait_ns: number } {
		const [row, before] = [this.rows().get(pid), this.atBegin.get(pid)];
		return {
			count: (row?.count_total ?? 0) - (before?.count_total ?? 0),
			wait_ns: (row?.wait_ns_total ?? 0) - (before?.wait_ns_total ?? 0),
		};
	}

	lost(what: string): number {
		return this.reading.lost[what] ?? 0;
	}

	/** Fails when a task is listed that slept all through the read. Returns the states after it. */
	read(truth: OwnWaits, before: Map<number, TaskState>): Map<number, TaskState> {
		this.reading = this.take();
		const after = truth.states();
		for (const { tid, comm, age_ns } of this.reading.extra.waiting)
			expect(sleptThrough(tid, before, after), `${this.name}: ${comm}[${tid}] waits for ${age_ns} ns`).toBe(false);
		for (const { key, max_ns } of this.reading.rows) {
			if (key.kind !== 'process' && key.kind !== 'all') continue;
			const id = key.kind === 'all' ? 0 : key.id;
			this.longest.set(id, Math.max(this.longest.get(id) ?? 0, max_ns));
		}
		return after;
	}
}

interface Bracket {
	before: Map<number, EndedWaits>;
	after: Map<number, EndedWaits>;
}

const everything = { name: 'everything', options: {} };

test.each([
	// each sleeper falls asleep three times; the sessions see the same sleeps
	{
		...{ how: 'for two seconds', sleep: 2, turns: 30 },
		sessions: [everything, { name: 'under a filter', options: { comm: 'sleeper' } }],
		system: [{ name: 'the system alone', options: { 'system-only': true } }],
	},
	// hundreds of sleeps in each read
	{ how: 'for less than a tick', sleep: 0.003, turns: 15, sessions: [everything], system: [] },
])(
	'moved while asleep $how: no wait has the sleep, none is listed as waiting',
	async ({ sleep, turns, sessions, system }) => {
		const load = await provoke(sleep);
		const own = ownWaits();
		truth = own;
		const atStart = stampedAsleep(own.states(), load.sleepers);
		const watched = sessions.map(({ name, options }) => new Watched(name, options));
		const alone = system.map(({ name, options }) => new Watched(name, options));
		const kernelBefore = load.sleepers.map((pid) => schedstat(pid).wait_ns);
		const all = [...watched, ...alone];
		/** The truth right before and right after: on a busy machine much happens between two of ours. */
		const bracketed = (one: Watched, take: () => void): [Watched, Bracket] => {
			const before = own.waits();
			take();
			return [one, { before, after: own.waits() }];
		};
		const from = new Map(all.map((one) => bracketed(one, () => one.begin())));
		let seenStamped = atStart;
		for (let turn = 0; turn < turns; turn++) {
			await seconds(0.2);
			let states = own.states();
			for (const one of all) states = one.read(own, states);
			seenStamped = Math.max(seenStamped, stampedAsleep(states, load.sleepers));
		}
		const to = new Map(all.map((one) => bracketed(one, () => void one.read(own, own.states()))));
		const kernels = load.sleepers.map((pid, index) => schedstat(pid).wait_ns - (kernelBefore[index] ?? 0));
		load.stop();
		for (const one of watched) {
			const [begin, end] = [from.get(one) as Bracket, to.get(one) as Bracket];
			let [ours, truly, missing] = [0, 0, 0];
			for (const pid of load.sleepers) {
				const { sum_ns, max_ns } = end.after.get(pid) ?? { sum_ns: 0, max_ns: 0 };
				const since = one.since(pid);
				expect(one.longest.get(pid) ?? 0, `${one.name}: longest wait of ${pid}`).toBeLessThanOrEqual(max_ns + SLACK);
				ours += since.wait_ns;
				truly += sum_ns - (begin.before.get(pid)?.sum_ns ?? 0);
				missing += (end.before.get(pid)?.count ?? 0) - (begin.after.get(pid)?.count ?? 0) - since.count;
			}
			const unstamped = one.lost('unstamped') - one.unstampedAtStart;
			process.stderr.write(
				`asleep ${sleep} s, ${one.name}: stamped ${atStart} at start, ${seenStamped} at most; waits ${ours / 1e6} ms, truth ${truly / 1e6}, kernel ${kernels.reduce((sum, ns) => sum + ns, 0) / 1e6}; unstamped ${unstamped}, missing ${missing}\n`,
			);
			expect(truly).toBeGreaterThan(0);
			// waits that are cut by a read are in one sum and not yet in the other
			expect(ours).toBeLessThan(truly * 1.02 + load.sleepers.length * SLACK);
			// and no wait is missing that was not said to be
			expect(missing).toBeLessThanOrEqual(one.lost('unstamped') + one.lost('process_unknown') + 3);
			// the thing has happened
			if (delays) expect(unstamped).toBeGreaterThan(0);
		}
		for (const one of alone) {
			const longest = Math.max(...[...(to.get(one) as Bracket).after.values()].map(({ max_ns }) => max_ns));
			expect(one.longest.get(0) ?? 0, one.name).toBeLessThanOrEqual(longest + SLACK);
		}
	},
);
