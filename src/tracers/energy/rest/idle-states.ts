/** Idle states of the CPUs from cpuidle (`/sys/devices/system/cpu/cpuN/cpuidle`), or their idle time from `/proc/stat`. */
import { join } from 'node:path';
import { monotonicNs } from '../../../lib/clock.ts';
import { readKept } from '../../../lib/kept-files.ts';
import { type SafeText, safe, sanitize } from '../../../lib/sanitize.ts';
import type { Count, Ns } from '../../../lib/units.ts';
import { kernelText } from '../../../system/kernel-text.ts';
import { clockTicksPerSecond, ticksToNs } from '../proc/stat.ts';
import { list, readOptional } from '../sources/sysfs.ts';

export interface IdleState {
	name: SafeText;
	/** As the driver says: time to leave it, and time from which on it saves energy. null: not known. */
	latency_ns: Ns | null;
	residency_ns: Ns | null;
	/** Turned off for at least one CPU. */
	disabled: boolean;
	/** Of all CPUs in the interval. A period that is still going on is in the interval where it ends. */
	idle_ns: Ns;
	/** null: not counted. */
	entries: Count | null;
}

/** One CPU in the interval. */
export interface CpuIdle {
	cpu: number;
	/** By state, in the order of the states. */
	idle_ns: Ns[];
}

export interface IdleReading {
	/** `cpuidle`: from the driver. `proc`: idle time only, in clock ticks. */
	source: 'cpuidle' | 'proc';
	/** Name of the cpuidle driver and governor; empty: none. */
	driver: SafeText;
	governor: SafeText;
	states: IdleState[];
	cpus: CpuIdle[];
	/** CPUs that were read; the figures of `states` are scaled up to all. */
	sampled: Count;
}

/** Files that are read in an interval at most: about 8 µs each. */
const MOST_FILES = 256;

/** For how long the description of driver and states holds: users seldom turn states off. */
const DESCRIBED_FOR: Ns = 5e9;

interface Described {
	about: Pick<IdleReading, 'driver' | 'governor'>;
	/** Folders of the states; none: there is no driver. */
	names: readonly string[];
	/** As of the CPU `first`, without figures. */
	states: readonly IdleState[];
	first: number;
	at: Ns;
}

interface Counters {
	/** µs */
	time: number;
	usage: number;
}

function number(path: string): number | undefined {
	try {
		const value = Number(readKept(path).trim() || Number.NaN);
		return Number.isFinite(value) && value >= 0 ? value : undefined;
	} catch {
		return undefined;
	}
}

/** `(intel_idle)` is its name where it has none. */
function nameOf(directory: string): SafeText {
	return sanitize(readOptional(join(directory, 'name')) ?? 'idle');
}

/** Evenly spaced ones, at most `most`. */
function spread<T>(all: readonly T[], most: number): T[] {
	const step = Math.max(1, Math.ceil(all.length / Math.max(1, most)));
	return all.filter((_, index) => index % step === 0);
}

export class IdleStates {
	private readonly root: string;
	private readonly procRoot: string;
	private readonly ticks = clockTicksPerSecond();
	/** By CPU and state: the counters at the last read. */
	private readonly last = new Map<number, Counters[]>();
	private described: Described | undefined;
	/** ns by CPU. */
	private lastIdle = new Map<number, Ns>();

	constructor(sysRoot: string, procRoot: string) {
		this.root = join(sysRoot, 'devices/system/cpu');
		this.procRoot = procRoot;
	}

	/** What was added since the last call; the first one is the baseline. @param online numbers of the CPUs */
	read(online: readonly number[]): IdleReading {
		const first = online[0] ?? 0;
		const now = monotonicNs();
		if (!this.described || this.described.first !== first || now - this.described.at >= DESCRIBED_FOR)
			this.described = { ...this.describe(first), first, at: now };
		const { about, names } = this.described;
		return names.length > 0
			? { source: 'cpuidle', ...about, ...this.fromDriver(online, this.described) }
			: { source: 'proc', ...about, ...this.fromProc() };
	}

	/** What the driver says of itself and of the states of one CPU. */
	private describe(first: number): Pick<Described, 'about' | 'names' | 'states'> {
		const driver = sanitize(readOptional(join(this.root, 'cpuidle/current_driver')) ?? '');
		const governor = sanitize(
			readOptional(join(this.root, 'cpuidle/current_governor_ro')) ??
				readOptional(join(this.root, 'cpuidle/current_governor')) ??
				'',
		);
		const about = { driver: driver === 'none' ? safe`` : driver, governor };
		const names = list(join(this.root, `cpu${first}/cpuidle`)).filter((name) => /^state\d+$/.test(name));
		const states = names.map((name): IdleState => {
			const directory = this.folder(first, name);
			const us = (file: string): Ns | null => {
				const value = number(join(directory, file));
				return value === undefined ? null : value * 1000;
			};
			return {
				name: nameOf(directory),
				latency_ns: us('latency'),
				residency_ns: us('residency'),
				disabled: (number(join(directory, 'disable')) ?? 0) > 0,
				idle_ns: 0,
				entries: 0,
			};
		});
		return { about, names, states };
	}

	private folder(cpu: number, name: string): string {
		return join(this.root, `cpu${cpu}/cpuidle`, name);
	}

	private fromDriver(
		online: readonly number[],
		{ names, states: described }: Described,
	): Pick<IdleReading, 'states' | 'cpus' | 'sampled'> {
		const cpus = spread(online, MOST_FILES / (2 * names.length));
		const scale = online.length / Math.max(1, cpus.length);
		const states = described.map((state): IdleState => ({ ...state }));
		const readings = cpus.flatMap((cpu): CpuIdle[] => {
			const now = names.map((name): Counters | undefined => {
				const time = number(join(this.folder(cpu, name), 'time'));
				const usage = number(join(this.folder(cpu, name), 'usage'));
				return time === undefined || usage === undefined ? undefined : { time, usage };
			});
			if (!now.every((one) => one !== undefined)) {
				this.last.delete(cpu);
				return [];
			}
			const before = this.last.get(cpu);
			this.last.set(cpu, now);
			if (!before || before.length !== now.length) return [];
			const idle_ns = now.map(({ time, usage }, index) => {
				const state = states[index] as IdleState;
				const then = before[index] as Counters;
				// a driver that was loaded anew counts from 0
				const ns = Math.max(0, time - then.time) * 1000;
				state.idle_ns += ns * scale;
				state.entries = (state.entries ?? 0) + Math.max(0, usage - then.usage) * scale;
				return ns;
			});
			return [{ cpu, idle_ns }];
		});
		return { states, cpus: readings, sampled: cpus.length };
	}

	private fromProc(): Pick<IdleReading, 'states' | 'cpus' | 'sampled'> {
		const now = new Map<number, Ns>();
		const text = kernelText(this.procRoot, 'stat') ?? '';
		// user nice system idle iowait: both of the last are idle time
		for (const [, cpu, idle, wait] of text.matchAll(/^cpu(\d+) \d+ \d+ \d+ (\d+) (\d+)/gm))
			now.set(Number(cpu), ticksToNs(Number(idle) + Number(wait), this.ticks));
		const cpus = Array.from(now).flatMap(([cpu, ns]): CpuIdle[] => {
			const before = this.lastIdle.get(cpu);
			// iowait may run backwards
			return before === undefined ? [] : [{ cpu, idle_ns: [Math.max(0, ns - before)] }];
		});
		this.lastIdle = now;
		const idle_ns = cpus.reduce((sum, { idle_ns: [ns = 0] }) => sum + ns, 0);
		const states = [
			{ name: safe`idle`, latency_ns: null, residency_ns: null, disabled: false, idle_ns, entries: null },
		];
		return { states: now.size > 0 ? states : [], cpus, sampled: now.size };
	}
}
