/** What ends the idle periods of CPUs (bpf/energy/energy-wakes.bpf.c). Loaded on request and unloaded afterwards. */
import type { BpfSession } from '../../../bpf/bpf-session.ts';
import { HashReader } from '../../../bpf/hash-reader.ts';
import { openBpf } from '../../../bpf/load.ts';
import type { BpfCost, Host } from '../../../core/tracer.ts';
import { idle_state, maps, wake_via, type wakes_cpu } from '../../../generated/energy-wakes.ts';
import { softirq } from '../../../generated/irq.ts';
import { viewOf } from '../../../lib/decode.ts';
import { type SafeText, safe, sanitize } from '../../../lib/sanitize.ts';
import type { Count, Ns } from '../../../lib/units.ts';

/** The kind of event that ended a period. */
export type Via = 'process' | 'poll' | 'irq' | 'softirq' | 'timer' | 'ipi' | 'irq-work' | 'platform';

/** Idle periods with the same cause and the same process after them, in the interval. */
export interface WakeCause {
	/** `IRQ 36 virtio1-req.0`, `timer hrtimer_wakeup`, `process make[4711]`, `another CPU (IPI)`. */
	cause: SafeText;
	via: Via;
	/** The process that woke `pid` from another CPU; 0: it was an interrupt, or is not known. */
	waker_pid: number;
	/** The process that ran next; 0: none, the CPU went back to idle. */
	pid: number;
	start_time: Ns;
	comm: SafeText;
	wakes: Count;
	/** Time of these periods. */
	idle_ns: Ns;
	/** Sum of the exit latencies of their states; 0 where the driver does not say. */
	latency_ns: Ns;
	/** Periods of below 50 µs, 200 µs, 1 ms, and longer. */
	lengths: [Count, Count, Count, Count];
}

export interface WakeReading {
	/** Most wakes first. */
	causes: WakeCause[];
	/** Idle periods, their time, and those that ended with a task; all CPUs. */
	periods: Count;
	idle_ns: Ns;
	switched: Count;
}

const TICK = /^tick_(nohz_handler|sched_timer)$/;
const vectors: ReadonlyMap<number, SafeText> = new Map(
	Object.entries(softirq).map(([name, number]) => [number, sanitize(name.replace('SOFTIRQ_', ''))]),
);
/** Tracepoints that some kernels or architectures lack. */
const OPTIONAL = [
	'wakes_local_timer',
	'wakes_reschedule',
	'wakes_call_function',
	'wakes_call_function_single',
	'wakes_irq_work',
	'wakes_x86_platform_ipi',
];

/** The cause of a period in words. */
export function causeOf(via: number, cause: number, name: SafeText): { cause: SafeText; via: Via } {
	switch (via) {
		case wake_via.VIA_IRQ:
			return { cause: safe`IRQ ${cause} ${name}`, via: 'irq' };
		case wake_via.VIA_SOFTIRQ:
			return { cause: safe`softirq ${vectors.get(cause) ?? sanitize(String(cause))}`, via: 'softirq' };
		case wake_via.VIA_HRTIMER:
		case wake_via.VIA_TIMER: {
			const known = name === '' ? safe`function at ${sanitize(cause.toString(16))}` : name;
			return { cause: TICK.test(name) ? safe`timer ${known} (tick)` : safe`timer ${known}`, via: 'timer' };
		}
		case wake_via.VIA_TIMER_IRQ:
			return { cause: safe`timer interrupt`, via: 'timer' };
		case wake_via.VIA_RESCHEDULE:
		case wake_via.VIA_CALL:
			return { cause: safe`another CPU (IPI)`, via: 'ipi' };
		case wake_via.VIA_PROCESS:
			return { cause: safe`process ${name}[${cause}]`, via: 'process' };
		case wake_via.VIA_IRQ_WORK:
			return { cause: safe`irq_work`, via: 'irq-work' };
		case wake_via.VIA_PLATFORM:
			return { cause: safe`platform interrupt`, via: 'platform' };
		default:
			return { cause: safe`another CPU (polled)`, via: 'poll' };
	}
}

type Shard = ReturnType<typeof wakes_cpu.read>;
type Value = ReturnType<typeof maps.wakes.value.read>;
type Sums = Pick<Value, 'wakes' | 'idle_ns' | 'latency_ns'> & { lengths: number[] };

const FIRST = new Uint8Array(4);

function difference(now: Value, before: Sums | undefined): Sums {
	return {
		wakes: now.wakes - (before?.wakes ?? 0),
		idle_ns: now.idle_ns - (before?.idle_ns ?? 0),
		latency_ns: now.latency_ns - (before?.latency_ns ?? 0),
		lengths: Array.from(now.lengths, (count, index) => count - (before?.lengths[index] ?? 0)),
	};
}

/** Reads after which a pair without news is removed from the map. */
const STALE = 30;

export class Wakes {
	readonly missing: readonly string[];
	private readonly bpf: BpfSession;
	private readonly reader: HashReader<ReturnType<typeof maps.wakes.key.read>, Value>;
	private readonly before = new Map<string, Sums & { unchanged: number }>();
	private last: Pick<Shard, 'periods' | 'idle_ns' | 'switched'> = { periods: 0, idle_ns: 0, switched: 0 };
	private tick = '';

	/** @throws {Unavailable} @param latencies of the idle states by their number, ns */
	constructor(host: Host, latencies: readonly Ns[]) {
		this.bpf = openBpf(host, 'energy-wakes', {
			shards: [maps.wakes_cpus.name],
			optional: Object.fromEntries(
				OPTIONAL.map((program) => [program, 'idle periods that it ends show by what follows it']),
			),
			loaded(object) {
				for (const [state, ns] of latencies.slice(0, maps.idle_states.entries).entries()) {
					const key = new Uint8Array(4);
					const value = new Uint8Array(idle_state.size);
					viewOf(key).setUint32(0, state, true);
					viewOf(value).setBigUint64(0, BigInt(Math.round(ns)), true);
					object.update(maps.idle_states.name, key, value);
				}
			},
		});
		this.missing = this.bpf.missing;
		this.reader = new HashReader(this.bpf, maps.wakes, maps.wakes.entries);
	}

	get hooks(): readonly string[] {
		return this.bpf.hooks;
	}

	/** What was added since the last call, and since start the wake-ups for which there was no room. */
	read(): WakeReading & { full: Count } {
		const causes: WakeCause[] = [];
		const stale: string[] = [];
		for (const { id, key, value } of this.reader.entries()) {
			const known = this.before.get(id);
			const { lengths, ...sums } = difference(value, known);
			const unchanged = sums.wakes === 0 ? (known?.unchanged ?? 0) + 1 : 0;
			this.before.set(id, {
				wakes: value.wakes,
				idle_ns: value.idle_ns,
				latency_ns: value.latency_ns,
				lengths: [...value.lengths],
				unchanged,
			});
			if (unchanged > STALE) stale.push(id);
			const name = sanitize(value.name);
			if (key.via === wake_via.VIA_HRTIMER && TICK.test(name)) this.learnTick(id);
			if (sums.wakes <= 0) continue;
			causes.push({
				...causeOf(key.via, key.cause, name),
				waker_pid: key.via === wake_via.VIA_PROCESS ? key.cause : 0,
				pid: key.tgid,
				start_time: key.start,
				comm: key.tgid > 0 ? sanitize(value.comm) : safe``,
				...sums,
				lengths: lengths as WakeCause['lengths'],
			});
		}
		for (const id of stale) {
			this.before.delete(id);
			this.reader.remove(id);
		}
		const shards = this.bpf.shards(maps.wakes_cpus);
		const sum = (of: (shard: Shard) => number): number => shards.reduce((all, shard) => all + of(shard), 0);
		const now = {
			periods: sum(({ periods }) => periods),
			idle_ns: sum(({ idle_ns }) => idle_ns),
			switched: sum(({ switched }) => switched),
		};
		const { last } = this;
		this.last = now;
		return {
			causes: causes.sort((a, b) => b.wakes - a.wakes),
			periods: now.periods - last.periods,
			idle_ns: now.idle_ns - last.idle_ns,
			switched: now.switched - last.switched,
			full: sum(({ full }) => full),
		};
	}

	cost(fresh?: boolean): BpfCost {
		return this.bpf.cost(fresh);
	}

	close(): void {
		this.bpf.close();
	}

	/** A timer of the wheel that the tick finds due is the cause, not the tick: the programs get the tick's address. */
	private learnTick(id: string): void {
		// the address is the first member of the key
		const address = id.slice(0, 8);
		if (address === this.tick) return;
		this.tick = address;
		this.bpf.object.update('.data.tick', FIRST, Buffer.from(address, 'latin1'));
	}
}
