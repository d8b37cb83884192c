/**
 * The process in focus, by hooks (bpf/overview/overview-focus.bpf.c): who wakes its threads, and how long they sleep, by the
 * reason of each sleep. Loaded while the process is displayed.
 */
import type { BpfSession } from '../../../bpf/bpf-session.ts';
import { HashReader } from '../../../bpf/hash-reader.ts';
import { openBpf } from '../../../bpf/load.ts';
import type { BpfCost, Host } from '../../../core/tracer.ts';
import { softirq } from '../../../generated/irq.ts';
import { constants, counted_program, maps, waker_kind } from '../../../generated/overview-focus.ts';
import { monotonicNs } from '../../../lib/clock.ts';
import { type SafeText, safe, sanitize } from '../../../lib/sanitize.ts';
import type { Count, Ns } from '../../../lib/units.ts';
import type { KernelFunctions } from '../../../symbols/kernel-functions.ts';
import type { Waker } from '../snapshot.ts';
import { reasonOf, type SleepReason } from './reasons.ts';
import type { Spent } from './time.ts';
import type { ProcessNow } from './walk.ts';

/** Wakers that are reported. */
const MOST = 8;
/** One that has not woken it for so long is left out, ns. */
const FORGET: Ns = 60e9;

const vectors: ReadonlyMap<number, string> = new Map(
	Object.entries(softirq).map(([name, number]) => [number, name.replace('SOFTIRQ_', '')]),
);
/** What a softirq that wakes brings. */
const MEANINGS: Readonly<Record<string, string>> = {
	NET_RX: 'received packets',
	NET_TX: 'sent packets',
	BLOCK: 'disk completions',
	TIMER: 'timers',
	HRTIMER: 'timers',
	RCU: 'RCU',
};

function nameOf(kind: number, id: number, comm: SafeText): SafeText {
	switch (kind) {
		case waker_kind.WAKER_TASK:
			return comm;
		case waker_kind.WAKER_SOFTIRQ: {
			const name = vectors.get(id) ?? String(id);
			const meaning = MEANINGS[name];
			return sanitize(meaning === undefined ? `softirq ${name}` : `${meaning} (softirq ${name})`);
		}
		case waker_kind.WAKER_IRQ:
			return safe`IRQ ${id}`;
		case waker_kind.WAKER_TIMER:
			return safe`timer`;
		default:
			return safe`an interrupt`;
	}
}

/** By reason, ns. */
export type SleptBy = Map<SleepReason, Ns>;

/** Figures of one interval. */
export interface FocusReading {
	wakers: Waker[];
	/** Sleep and waits for a CPU of threads that were seen; ns. */
	slept: SleptBy;
	runnable_ns: Ns;
	/** Threads that have not run since the load: their sleep is not in `slept`. */
	unseen(tid: number): boolean;
}

export class FocusWatch {
	readonly pid: number;
	private readonly bpf: BpfSession;
	private readonly functions: KernelFunctions;
	private readonly wakers: HashReader<
		ReturnType<typeof maps.wakers.key.read>,
		ReturnType<typeof maps.wakers.value.read>
	>;
	private readonly sleeps: HashReader<
		ReturnType<typeof maps.sleeps.key.read>,
		ReturnType<typeof maps.sleeps.value.read>
	>;
	private readonly off: HashReader<ReturnType<typeof maps.off.key.read>, ReturnType<typeof maps.off.value.read>>;
	private readonly counts = new Map<string, Count>();
	private readonly sums = new Map<number, Ns>();
	/** Of stacks. */
	private readonly reasons = new Map<number, SleepReason>();
	/** By tid, the part of a wait that goes on which earlier intervals have. */
	private credits = new Map<number, { left_ns: Ns; stack: number; slept: Ns; runnable: Ns }>();
	private runnable: Ns = 0;
	/** Map entries for which there was no room, since load. */
	lost: Count = 0;

	/** @throws {Unavailable} */
	constructor(host: Host, pid: number, functions: KernelFunctions) {
		this.pid = pid;
		this.functions = functions;
		this.bpf = openBpf(host, 'overview-focus', {
			layout: constants,
			constants: { focus_tgid: pid },
			shards: [maps.focus_cpus.name, maps.runs.name],
			counted: counted_program,
			optional: {
				focus_timer: 'wake-ups by the CPU’s own timer count for the task beneath it',
				focus_timer_end: '',
			},
		});
		this.wakers = new HashReader(this.bpf, maps.wakers, maps.wakers.entries);
		this.sleeps = new HashReader(this.bpf, maps.sleeps, maps.sleeps.entries);
		this.off = new HashReader(this.bpf, maps.off, maps.off.entries);
	}

	/** Since the last call. */
	read(): FocusReading {
		const now = monotonicNs();
		const slept: SleptBy = new Map();
		const add = (stack: number, ns: Ns) => {
			const reason = this.reasons.get(stack) ?? 'other';
			slept.set(reason, (slept.get(reason) ?? 0) + ns);
		};
		for (const { key, value } of this.sleeps.entries()) {
			if (!this.reasons.has(key.stack)) this.reasons.set(key.stack, this.reasonOf(value));
			const more = value.ns - (this.sums.get(key.stack) ?? 0);
			this.sums.set(key.stack, value.ns);
			if (more > 0) add(key.stack, more);
		}
		const shards = this.bpf.shards(maps.focus_cpus);
		const runnable = shards.reduce((sum, { runnable_ns }) => sum + runnable_ns, 0);
		let runnable_ns = runnable - this.runnable;
		this.runnable = runnable;
		this.lost = shards.reduce((sum, { full }) => sum + full, 0);
		const seen = new Set<number>();
		const credits: typeof this.credits = new Map();
		for (const { key, value } of this.off.entries()) {
			const { tid } = key;
			const { left_ns, woken_ns, stack } = value;
			seen.add(tid);
			const credit = this.credits.get(tid);
			const goesOn = credit !== undefined && credit.left_ns === left_ns;
			if (credit && !goesOn) {
				// it has ended, and its whole length is in the sums
				add(credit.stack, -credit.slept);
				runnable_ns -= credit.runnable;
			}
			if (left_ns === 0) continue;
			const asleep = stack === 0 ? 0 : Math.max(0, (woken_ns || now) - left_ns);
			const waited = Math.max(0, now - left_ns - asleep);
			if (stack !== 0) add(stack, asleep - (goesOn ? credit.slept : 0));
			runnable_ns += waited - (goesOn ? credit.runnable : 0);
			credits.set(tid, { left_ns, stack, slept: asleep, runnable: waited });
		}
		this.credits = credits;
		return {
			wakers: this.wakersAt(now),
			slept,
			runnable_ns: Math.max(0, runnable_ns),
			unseen: (tid) => !seen.has(tid),
		};
	}

	cost(fresh?: boolean): BpfCost {
		return this.bpf.cost(fresh);
	}

	close(): void {
		this.bpf.close();
	}

	private wakersAt(now: Ns): Waker[] {
		const found: Waker[] = [];
		for (const { id, key, value } of this.wakers.entries()) {
			const count = value.count - (this.counts.get(id) ?? 0);
			this.counts.set(id, value.count);
			if (now - value.last_ns > FORGET) continue;
			const isTask = key.kind === waker_kind.WAKER_TASK;
			found.push({
				by: isTask ? (value.tgid === this.pid ? 'thread' : 'process') : 'interrupt',
				pid: isTask ? value.tgid : 0,
				tid: isTask ? key.id : 0,
				comm: nameOf(key.kind, key.id, sanitize(value.comm)),
				count,
				count_total: value.count,
				ago_ns: Math.max(0, now - value.last_ns),
				woken: value.woken,
			});
		}
		return found.sort((a, b) => b.count - a.count || a.ago_ns - b.ago_ns).slice(0, MOST);
	}

	/** As in the walk: the outermost known function. */
	private reasonOf({ depth, frames }: { depth: number; frames: ArrayLike<number> }): SleepReason {
		for (let frame = depth - 1; frame >= 0; frame--) {
			const name = this.functions.at(frames[frame] as number);
			if (name !== undefined) return reasonOf(name);
		}
		return 'other';
	}
}

/**
 * The time of a process's threads with the sleep as it was measured, in place of the reason at the end of the interval. Time on
 * a CPU and the whole are the kernel's. Pure.
 */
export function exactParts(
	{ tasks }: ProcessNow,
	{ parts }: Spent,
	{ slept, runnable_ns, unseen }: Pick<FocusReading, 'slept' | 'runnable_ns' | 'unseen'>,
	dt_ns: Ns,
): Spent['parts'] {
	const whole = Object.values(parts).reduce((sum, ns) => sum + ns, 0);
	const cpu = parts.cpu ?? 0;
	const sums = new Map(slept);
	// what has slept since before the hooks were there is known by its stack
	for (const { tid, reason, asleep_ns } of tasks)
		if (reason !== null && asleep_ns >= dt_ns && unseen(tid)) sums.set(reason, (sums.get(reason) ?? 0) + dt_ns);
	const measured = [...sums.values()].reduce((sum, ns) => sum + Math.max(0, ns), 0);
	if (measured === 0) return parts;
	const runnable = Math.min(runnable_ns, Math.max(0, whole - cpu));
	const left = Math.max(0, whole - cpu - runnable);
	const exact: Spent['parts'] = { ...(cpu > 0 && { cpu }), ...(runnable > 0 && { runnable }) };
	for (const [reason, ns] of sums) if (ns > 0) exact[reason] = (ns / measured) * left;
	return exact;
}
