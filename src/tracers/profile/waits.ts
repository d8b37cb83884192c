/** Waits of threads (bpf/profile/profile-off.bpf.c), completed by the kernel's own times so that they add up. */
import { hookExists } from '../../bpf/load.ts';
import { MovedSleepers, waitedOptions } from '../../bpf/run-delay.ts';
import type { Host } from '../../core/tracer.ts';
import { constants, maps, off_kind, off_thread, off_threads } from '../../generated/profile-off.ts';
import { viewOf } from '../../lib/decode.ts';
import { type SafeText, safe, sanitize } from '../../lib/sanitize.ts';
import type { Ns } from '../../lib/units.ts';
import type { State } from '../../profile/model.ts';
import { isProgramLock, isWaiting, reasonOf } from '../../profile/reason.ts';
import type { Frame } from '../../symbols/symbolizer.ts';
import type { ProfileBuilder } from './builder.ts';
import { kernelStackOf, type ThreadTimes, threadTimes } from './clocks.ts';
import { Collector, type Target } from './collector.ts';
import type { StackFrames } from './counted.ts';
import type { ProcessNames } from './names.ts';

const SWITCHED_IN = 'tp_btf/sched_exit_tp';
const THREADS = off_threads.OFF_THREADS;

/** Run time of a thread while the profile was taken. */
export interface Ran {
	pid: number;
	thread: SafeText;
	run_ns: Ns;
}

export interface WaitsOptions {
	target: Target;
	cgroup?: string | undefined;
	offCpuMin: Ns;
	/** Unwind stacks by the tables of the files. */
	unwind: boolean;
}

/** Sums of one thread. */
interface Sums {
	blocked: Ns;
	delay: Ns;
}

/** Of threads, at one moment. */
interface Final {
	times: ReadonlyMap<number, ThreadTimes>;
	stacks: ReadonlyMap<number, SafeText[]>;
	/** Sleep that the kernel's times have in them, of what slept and was moved since the hooks are there. */
	sleepers: MovedSleepers;
}

export class Waits {
	readonly collector: Collector;
	/** What this kernel lacks, and its cost. */
	readonly missing: readonly string[];
	private readonly procRoot: string;
	private readonly options: WaitsOptions;
	private readonly before: ReadonlyMap<number, ThreadTimes>;
	/** Times and kernel stacks at the end, when it was stopped. */
	private final: Final | undefined;
	private readonly buffer = new Uint8Array(off_thread.size * THREADS);

	/** @throws {Unavailable} */
	constructor(host: Host, options: WaitsOptions) {
		this.procRoot = host.procRoot;
		this.options = options;
		const late = hookExists(host.addon, SWITCHED_IN);
		const waited = waitedOptions(host);
		this.missing = late
			? []
			: [
					`no ${SWITCHED_IN} (Linux 6.16): stacks are taken where a wait begins, 2 to 4 µs for each, however short${options.unwind ? '; those of waits follow frame pointers' : ''}`,
				];
		this.collector = new Collector(host, 'profile-off', options.target, {
			...waited,
			layout: constants,
			constants: { off_cpu_min_ns: options.offCpuMin },
			shards: [maps.off_cpus.name],
			copies: options.unwind,
			without: [late ? 'switching' : 'switched_in', ...waited.without],
		});
		// after the hooks: what a thread does between the two is measured twice at most, not never
		this.collector.bpf.iterate('find_sleepers');
		this.before = threadTimes(host.procRoot, options.target, options.cgroup);
	}

	stop(): void {
		this.final ??= this.now();
	}

	/** Adds waits, by reason; waits for a CPU; and waits that go on. Returns the run time of each thread that still exists. */
	addTo(builder: ProfileBuilder, names: ProcessNames): ReadonlyMap<number, Ran> {
		const sums = new Map<number, Sums>();
		const sumsOf = (tid: number): Sums => {
			const known = sums.get(tid) ?? { blocked: 0, delay: 0 };
			sums.set(tid, known);
			return known;
		};
		const plain = { user: [], kernel: [], space: '' } as const;
		for (const { key, space, count, ns, comm, user, kernel, end } of this.collector.entries()) {
			const { tgid: pid, tid } = key;
			const thread = sanitize(comm);
			const base = { pid, tid, thread, comm: names.of(pid) ?? thread, count, ns };
			if (key.kind === off_kind.OFF_BLOCKED) {
				const { state } = causeOf(builder, kernel, builder.userNames(space, user));
				builder.add({ ...base, state, space, user, kernel, end });
				sumsOf(tid).blocked += ns;
			} else if (key.kind === off_kind.OFF_SHORT) {
				builder.add({ ...base, ...plain, state: 'short waits', label: SHORT });
				sumsOf(tid).blocked += ns;
			} else {
				builder.add({ ...base, ...plain, state: 'waits for a CPU', label: QUEUE });
				sumsOf(tid).delay += ns;
			}
		}
		for (const thread of this.threads()) {
			const { tgid: pid, tid } = thread;
			const name = sanitize(thread.comm);
			const base = { pid, tid, thread: name, comm: names.of(pid) ?? name, ...plain };
			const { short_count, short_ns, delay_count, delay_ns } = thread;
			if (short_ns > 0) builder.add({ ...base, state: 'short waits', count: short_count, ns: short_ns, label: SHORT });
			if (delay_ns > 0)
				builder.add({ ...base, state: 'waits for a CPU', count: delay_count, ns: delay_ns, label: QUEUE });
			const own = sumsOf(tid);
			own.blocked += short_ns;
			own.delay += delay_ns;
		}
		return this.complete(builder, names, sums);
	}

	/** Waits for locks of programs: each is named by the function that wanted it. */
	addFutexes(builder: ProfileBuilder, names: ProcessNames): void {
		for (const { key, space, count, ns, comm, user, kernel, end } of this.collector.entries()) {
			if (key.kind !== off_kind.OFF_BLOCKED) continue;
			const wanting = builder.userNames(space, user);
			const { state, ofProgram } = causeOf(builder, kernel, wanting);
			if (!ofProgram) continue;
			const { tgid: pid, tid } = key;
			const thread = sanitize(comm);
			const wanted = wanting.find(({ name, module, named }) => named && !isWaiting(name, module));
			const lock = wanted === undefined ? safe`${state as SafeText}` : safe`${state as SafeText} in ${wanted.name}`;
			builder.add({
				...{ pid, tid, thread, comm: names.of(pid) ?? thread, state, space, user, kernel, end, count, ns, lock },
			});
		}
	}

	/**
	 * Waits that no hook has seen end: they go on, or began before the profile. From the kernel's own times of each thread of
	 * the target: what is neither run time nor wait for a CPU nor a wait that was measured.
	 */
	private complete(
		builder: ProfileBuilder,
		names: ProcessNames,
		sums: ReadonlyMap<number, Sums>,
	): ReadonlyMap<number, Ran> {
		const { times, stacks, sleepers } = this.final ?? this.now();
		const ran = new Map<number, Ran>();
		for (const [tid, after] of times) {
			const { pid, thread } = after;
			const before = this.before.get(tid);
			// a thread that began later: all that it did is in its own figures, and its age is not known here
			if (!before) {
				ran.set(tid, { pid, thread, run_ns: after.run_ns });
				continue;
			}
			const run = after.run_ns - before.run_ns;
			const delay = sleepers.waited(tid, after.delay_ns) - before.delay_ns;
			ran.set(tid, { pid, thread, run_ns: run });
			const own = sums.get(tid) ?? { blocked: 0, delay: 0 };
			const base = { pid, tid, thread, comm: names.of(pid) ?? thread, space: '', user: [], kernel: [] };
			const unseenDelay = delay - own.delay;
			if (unseenDelay > 0) builder.add({ ...base, state: 'waits for a CPU', count: 0, ns: unseenDelay, label: QUEUE });
			const rest = after.at - before.at - run - Math.max(delay, own.delay) - own.blocked;
			if (rest <= 0) continue;
			const kernelNames = stacks.get(tid) ?? [];
			builder.add({
				...base,
				state: kernelNames.length > 0 ? reasonOf(kernelNames) : 'other wait',
				count: 0,
				ns: rest,
				...(kernelNames.length > 0 ? { kernelNames } : { label: EARLIER }),
			});
		}
		return ran;
	}

	private now(): Final {
		const { target, cgroup } = this.options;
		const times = threadTimes(this.procRoot, target, cgroup);
		const stacks = new Map<number, SafeText[]>();
		for (const { pid, tid } of times.values()) stacks.set(tid, kernelStackOf(this.procRoot, pid, tid));
		return { times, stacks, sleepers: new MovedSleepers(this.collector.bpf) };
	}

	private *threads(): Generator<off_thread> {
		this.collector.bpf.object.readMapped(maps.threads.name, this.buffer);
		const view = viewOf(this.buffer);
		for (let slot = 0; slot < THREADS; slot++) {
			const at = slot * off_thread.size;
			if (view.getUint32(at, true) !== 0) yield off_thread.read(view, at);
		}
	}
}

const SHORT = safe`[waits below the threshold]`;
const QUEUE = safe`[waits for a CPU]`;
const EARLIER = safe`[wait that began before]`;

/** Why it waited: by the functions of the kernel, and of programs that keep locks of their own, beside futexes. */
function causeOf(
	builder: ProfileBuilder,
	kernel: StackFrames,
	user: readonly Frame[],
): { state: State; ofProgram: boolean } {
	const state = reasonOf(builder.kernelNames(kernel));
	if (state === 'futex') return { state, ofProgram: true };
	return isProgramLock(user.map(({ name }) => name)) ? { state: 'lock', ofProgram: true } : { state, ofProgram: false };
}
