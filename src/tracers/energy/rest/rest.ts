/** Idle states of the CPUs, clock limits, throttling, and on request what ends the idle periods. */
import { Unavailable } from '../../../core/errors.ts';
import type { BpfCost, Host } from '../../../core/tracer.ts';
import { monotonicNs } from '../../../lib/clock.ts';
import { type SafeText, safe, sanitize } from '../../../lib/sanitize.ts';
import type { Count, MicroJoules, Ns } from '../../../lib/units.ts';
import { isGuest } from '../../../system/guest.ts';
import { OwnProcess } from '../../../system/pid-namespace.ts';
import type { Processors } from '../power/cpufreq.ts';
import { type FrequencyLimits, FrequencyReader, ThrottleCounters, type Throttling } from './frequency.ts';
import { type IdleReading, IdleStates } from './idle-states.ts';
import { type WakeCause, Wakes } from './wakes.ts';

/** One idle state over all CPUs. */
export interface StateField {
	name: SafeText;
	/** Time to leave it, and from which on it saves energy, by the driver; null: not known. */
	latency_ns: Ns | null;
	residency_ns: Ns | null;
	disabled: boolean;
	/** Part of the time of all CPUs, 0–1. */
	share: number;
	entries_per_s: number | null;
	/** Mean length of a stay; null: not counted, or none. */
	mean_ns: Ns | null;
}

export interface PackageRest {
	/** Number of the package; null: the machine has one, or does not say. */
	package: number | null;
	cpus: Count;
	/** By state, in the order of `states`: part of the time of its CPUs. */
	states: number[];
}

export interface CpuRest {
	cpu: number;
	package: number | null;
	states: number[];
	/** Clock at the end of the interval; null: not known. */
	ghz: number | null;
}

export interface WakeCauseField extends WakeCause {
	/** Estimate, see {@link WakesField.wake_uj}. */
	wake_uj: MicroJoules | null;
}

/** What ended the idle periods of the interval. */
export interface WakesField {
	per_s: number;
	/** Of periods that ended. */
	mean_idle_ns: Ns | null;
	/** Part of them that ended with a task. */
	switched_share: number | null;
	/** Part of them that were shorter than 200 µs. */
	short_share: number | null;
	/**
	 * Estimate of the energy that leaving and entering the idle states took: twice the exit latency at the power of a busy
	 * CPU, ±100 %. null: the latency or the power is not known.
	 */
	wake_uj: MicroJoules | null;
	/** Most first, at most {@link MOST_CAUSES}; those beyond are in `other`. */
	causes: WakeCauseField[];
	other: Count;
	/** Of wattlag itself: that ended with it, or that it ended on another CPU; per second. */
	own_per_s: number;
	/** Wake-ups for which there was no room, since they are counted. */
	full: Count;
}

export interface RestField {
	source: IdleReading['source'];
	driver: SafeText;
	governor: SafeText;
	/** The idle state is a halt that leaves the CPU to a hypervisor: what the hardware does is not known here. */
	virtual: boolean;
	states: StateField[];
	packages: PackageRest[];
	/** At most 64 CPUs. */
	cpus: CpuRest[];
	frequency: FrequencyLimits | null;
	throttling: Throttling | null;
	/** null: not asked for, or not available. */
	wakes: WakesField | null;
	/** Why figures are missing, a sentence each. */
	missing: SafeText[];
}

/** Of a snapshot. */
const MOST_CAUSES = 100;
const MOST_CPUS = 64;
/** Where the wake-ups cannot be counted, this is tried again after, ns. */
const AGAIN: Ns = 60e9;

/** Is this machine a guest? Where its CPUs do not say so, a driver of guests shows it. */
function isVirtual(procRoot: string, driver: string): boolean {
	if (/haltpoll/.test(driver)) return true;
	return isGuest(procRoot);
}

export class Rest {
	private readonly host: Host;
	private readonly processors: Processors;
	private readonly idle: IdleStates;
	private readonly throttle: ThrottleCounters;
	private readonly frequency: FrequencyReader;
	private readonly guest: boolean;
	private readonly own: OwnProcess;
	private counts = false;
	private wakes: Wakes | undefined;
	private failure: { reason: SafeText; at: Ns } | undefined;
	private latencies: Ns[] = [];
	/** Of the interval that ends now, once it was asked for. */
	private now: IdleReading | undefined;

	constructor(host: Host, processors: Processors) {
		this.host = host;
		this.processors = processors;
		this.own = new OwnProcess(host.procRoot);
		this.idle = new IdleStates(host.sysRoot, host.procRoot);
		this.throttle = new ThrottleCounters(host.sysRoot);
		this.frequency = new FrequencyReader(host.sysRoot);
		const { driver, states } = this.readIdle();
		this.guest = isVirtual(host.procRoot, driver);
		this.latencies = states.map(({ latency_ns }) => latency_ns ?? 0);
		this.readThrottle();
	}

	/** Count wake-ups from now on, or no longer. */
	wanted(counts: boolean): void {
		this.counts = counts;
		if (!counts) {
			this.wakes?.close();
			this.wakes = undefined;
			this.failure = undefined;
			return;
		}
		if (this.wakes || (this.failure && monotonicNs() - this.failure.at < AGAIN)) return;
		try {
			this.wakes = new Wakes(this.host, this.latencies);
			this.failure = undefined;
		} catch (error) {
			const reason = error instanceof Unavailable ? `${error.message}: ${error.fix}` : (error as Error).message;
			this.failure = { reason: sanitize(reason), at: monotonicNs() };
		}
	}

	/** Part of the interval that ends now in which each CPU was busy, 0–1; `read` follows. Empty: not known. */
	busy(dt: Ns): Map<number, number> {
		this.now = this.idle.read(this.processors.online);
		return new Map(
			this.now.cpus.map(({ cpu, idle_ns }) => [
				cpu,
				dt > 0 ? Math.max(0, 1 - idle_ns.reduce((sum, ns) => sum + ns, 0) / dt) : 0,
			]),
		);
	}

	/**
	 * The interval that ends now.
	 * @param busy energy of a busy CPU beyond idle, µJ per ns; null: not known
	 */
	read(dt: Ns, busy: number | null): RestField {
		const { states, cpus, source, driver, governor, sampled } = this.readIdle();
		const online = this.processors.online.length;
		const all = dt * Math.max(1, online);
		const packageOf = (cpu: number): number | null => this.processors.packages[this.processors.packageOf(cpu)] ?? null;
		const shares = (idle: readonly Ns[]): number[] => idle.map((ns) => (dt > 0 ? Math.min(1, ns / dt) : 0));
		const field: RestField = {
			source,
			driver,
			governor,
			virtual: this.guest,
			states: states.map(({ name, latency_ns, residency_ns, disabled, idle_ns, entries }) => ({
				name,
				latency_ns,
				residency_ns,
				disabled,
				share: dt > 0 ? Math.min(1, idle_ns / all) : 0,
				entries_per_s: entries === null || dt <= 0 ? null : entries / (dt / 1e9),
				mean_ns: entries === null || entries === 0 ? null : idle_ns / entries,
			})),
			packages: Array.from(
				Map.groupBy(cpus, ({ cpu }) => packageOf(cpu)),
				([number, members]) => ({
					package: number,
					cpus: members.length,
					states: states.map(
						(_, state) =>
							members.reduce((sum, { idle_ns }) => sum + Math.min(dt, idle_ns[state] ?? 0), 0) /
							Math.max(1, dt * members.length),
					),
				}),
			),
			cpus: cpus.slice(0, MOST_CPUS).map(({ cpu, idle_ns }) => ({
				cpu,
				package: packageOf(cpu),
				states: shares(idle_ns),
				ghz: this.processors.ghzOf(cpu) ?? null,
			})),
			frequency: this.frequency.read(),
			throttling: this.readThrottle(),
			wakes: this.readWakes(dt, busy),
			missing: [],
		};
		field.missing = this.missing(field, sampled, online);
		return field;
	}

	/** Of the programs that count wake-ups, while they do. */
	get hooks(): readonly string[] {
		return this.wakes?.hooks ?? [];
	}

	cost(fresh?: boolean): BpfCost | undefined {
		return this.wakes?.cost(fresh);
	}

	close(): void {
		this.wakes?.close();
		this.wakes = undefined;
	}

	private readIdle(): IdleReading {
		const now = this.now ?? this.idle.read(this.processors.online);
		this.now = undefined;
		return now;
	}

	private readThrottle(): Throttling | null {
		const { online } = this.processors;
		const firsts = [...new Map(online.toReversed().map((cpu) => [this.processors.packageOf(cpu), cpu])).values()];
		return this.throttle.read(online.slice(0, MOST_CPUS), firsts);
	}

	private readWakes(dt: Ns, busy: number | null): WakesField | null {
		if (!this.wakes) return null;
		const { causes, periods, idle_ns, switched, full } = this.wakes.read();
		const seconds = dt / 1e9;
		// a guest's latency is that of a halt, which the hypervisor decides
		const price = busy === null || this.guest || this.latencies.every((ns) => ns === 0) ? null : busy;
		const priced = causes.map((cause) => ({
			...cause,
			wake_uj: price === null ? null : Math.round(2 * cause.latency_ns * price),
		}));
		const count = (part: readonly WakeCause[]): Count => part.reduce((sum, { wakes }) => sum + wakes, 0);
		const all = count(causes);
		const own = this.own.pid(causes);
		const short = causes.reduce((sum, { lengths: [first, second] }) => sum + first + second, 0);
		return {
			per_s: seconds > 0 ? periods / seconds : 0,
			mean_idle_ns: periods > 0 ? idle_ns / periods : null,
			switched_share: periods > 0 ? Math.min(1, switched / periods) : null,
			short_share: all > 0 ? short / all : null,
			wake_uj: price === null ? null : priced.reduce((sum, { wake_uj }) => sum + (wake_uj ?? 0), 0),
			causes: priced.slice(0, MOST_CAUSES),
			other: count(priced.slice(MOST_CAUSES)),
			own_per_s:
				seconds > 0
					? count(causes.filter((one) => own > 0 && (one.pid === own || one.waker_pid === own))) / seconds
					: 0,
			full,
		};
	}

	private missing(field: RestField, sampled: Count, online: Count): SafeText[] {
		const missing: SafeText[] = [];
		if (field.source === 'proc')
			missing.push(safe`no cpuidle driver: idle time as a whole, in clock ticks, is all that the kernel counts`);
		if (field.virtual)
			missing.push(
				safe`a virtual machine: its idle state is a halt, the states of the hardware and the cost of a wake-up are the hypervisor's`,
			);
		if (sampled < online) missing.push(safe`idle states are read of ${sampled} of ${online} CPUs and scaled up`);
		if (!field.frequency) missing.push(safe`no cpufreq: clock and limits are not known`);
		if (!field.throttling) missing.push(safe`no thermal throttling counters`);
		if (this.counts && this.failure) missing.push(safe`wake-ups are not counted: ${this.failure.reason}`);
		for (const sentence of this.wakes?.missing ?? []) missing.push(sanitize(sentence));
		return missing;
	}
}
