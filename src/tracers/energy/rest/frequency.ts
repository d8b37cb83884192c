/** Clock limits of the CPUs from cpufreq, and thermal throttling. */
import { join } from 'node:path';
import { monotonicNs } from '../../../lib/clock.ts';
import { type SafeText, sanitize } from '../../../lib/sanitize.ts';
import type { Count, Ns } from '../../../lib/units.ts';
import { list, readOptional } from '../sources/sysfs.ts';

/** Over all policies of cpufreq. */
export interface FrequencyLimits {
	driver: SafeText;
	governor: SafeText;
	/** Energy/performance preference; empty: none. */
	preference: SafeText;
	/** Lowest and highest of the hardware, and the highest that policy allows; of the policy that is limited most. */
	min_ghz: number;
	max_ghz: number;
	limit_ghz: number;
	/** Limit of the firmware; null: it has none. */
	firmware_ghz: number | null;
	/** null: the driver does not say. */
	turbo: boolean | null;
	/** The limit is below what the hardware can do. */
	capped: boolean;
}

export interface Throttling {
	/** In the interval, and since boot: times that a core or package was slowed down since it was too hot. */
	events: Count;
	events_total: Count;
	/** Time that the kernel counts as throttled; null: not counted. */
	throttled_ns: Ns | null;
	/** Cooling devices of processors that are at work now, of how many; from the thermal framework. */
	cooling: Count;
	cooling_devices: Count;
}

const CPU = 'devices/system/cpu';

/** Between two readings of the limits, and between two searches for devices that were not there. */
const LIMITS_PAUSE: Ns = 2e9;
const SEARCH_PAUSE: Ns = 30e9;

function khz(path: string): number | null {
	const value = Number(readOptional(path) ?? Number.NaN);
	return value > 0 && Number.isFinite(value) ? value / 1e6 : null;
}

/** null: no cpufreq, as in most virtual machines. */
export function readFrequencyLimits(sysRoot: string): FrequencyLimits | null {
	const root = join(sysRoot, CPU);
	const policies = list(join(root, 'cpufreq')).filter((name) => /^policy\d+$/.test(name));
	const text = (policy: string, file: string): SafeText =>
		sanitize(readOptional(join(root, 'cpufreq', policy, file)) ?? '');
	const no_turbo = readOptional(join(root, 'intel_pstate/no_turbo'));
	const boost = readOptional(join(root, 'cpufreq/boost'));
	const limits = policies.flatMap((policy): FrequencyLimits[] => {
		const file = (name: string): number | null => khz(join(root, 'cpufreq', policy, name));
		const max_ghz = file('cpuinfo_max_freq');
		const limit_ghz = file('scaling_max_freq');
		if (max_ghz === null || limit_ghz === null) return [];
		const firmware_ghz = file('bios_limit');
		return [
			{
				driver: text(policy, 'scaling_driver'),
				governor: text(policy, 'scaling_governor'),
				preference: text(policy, 'energy_performance_preference'),
				min_ghz: file('cpuinfo_min_freq') ?? 0,
				max_ghz,
				limit_ghz: Math.min(limit_ghz, firmware_ghz ?? limit_ghz),
				firmware_ghz,
				turbo: no_turbo !== undefined ? no_turbo === '0' : boost !== undefined ? boost === '1' : null,
				capped: Math.min(limit_ghz, firmware_ghz ?? limit_ghz) < max_ghz * 0.99,
			},
		];
	});
	limits.sort((a, b) => a.limit_ghz / a.max_ghz - b.limit_ghz / b.max_ghz);
	return limits[0] ?? null;
}

interface Counts {
	events: Count;
	ms: number | null;
}

export class ThrottleCounters {
	private readonly sysRoot: string;
	private last: Counts | undefined;
	/** Found at the last search, which was then. */
	private found: { counters: boolean; cooling: readonly string[]; at: Ns } | undefined;

	private readonly now: () => Ns;

	/** @param now a monotonic clock */
	constructor(sysRoot: string, now: () => Ns = monotonicNs) {
		this.sysRoot = sysRoot;
		this.now = now;
	}

	/**
	 * Since the last call. null: neither counters nor cooling devices. A package counts once: its CPUs all show its counter.
	 * @param packages a CPU of each package; @param cpus all that are online
	 */
	read(cpus: readonly number[], packages: readonly number[]): Throttling | null {
		const now = this.now();
		if (!this.found || now - this.found.at >= SEARCH_PAUSE)
			this.found = { counters: true, cooling: this.coolingDevices(), at: now };
		const counters = this.found.counters ? this.counters(cpus, packages) : undefined;
		this.found.counters = counters !== undefined;
		const cooling = this.found.cooling.flatMap(stateOf);
		if (!counters && cooling.length === 0) return null;
		const before = this.last;
		this.last = counters;
		const gained = (key: keyof Counts): number =>
			before && counters ? Math.max(0, (counters[key] ?? 0) - (before[key] ?? 0)) : 0;
		return {
			events: gained('events'),
			events_total: counters?.events ?? 0,
			throttled_ns: counters && counters.ms !== null ? gained('ms') * 1e6 : null,
			cooling: cooling.filter((state) => state > 0).length,
			cooling_devices: cooling.length,
		};
	}

	private counters(cpus: readonly number[], packages: readonly number[]): Counts | undefined {
		const read = (cpu: number, file: string): number | undefined => {
			const value = Number(readOptional(join(this.sysRoot, CPU, `cpu${cpu}/thermal_throttle`, file)) ?? Number.NaN);
			return Number.isFinite(value) ? value : undefined;
		};
		const all = [
			...cpus.map((cpu) => ({
				events: read(cpu, 'core_throttle_count'),
				ms: read(cpu, 'core_throttle_total_time_ms'),
			})),
			...packages.map((cpu) => ({
				events: read(cpu, 'package_throttle_count'),
				ms: read(cpu, 'package_throttle_total_time_ms'),
			})),
		].filter(({ events }) => events !== undefined);
		if (all.length === 0) return undefined;
		return {
			events: all.reduce((sum, { events = 0 }) => sum + events, 0),
			ms: all.some(({ ms }) => ms !== undefined) ? all.reduce((sum, { ms = 0 }) => sum + ms, 0) : null,
		};
	}

	/** Folders of the cooling devices that slow down processors. */
	private coolingDevices(): string[] {
		const folder = join(this.sysRoot, 'class/thermal');
		return list(folder).flatMap((name) => {
			if (!name.startsWith('cooling_device')) return [];
			const type = readOptional(join(folder, name, 'type')) ?? '';
			return /^(Processor|cpufreq-|thermal-cpufreq|intel_powerclamp)/i.test(type) ? [join(folder, name)] : [];
		});
	}
}

/** None: it has gone. */
function stateOf(device: string): number[] {
	const state = Number(readOptional(join(device, 'cur_state')) ?? Number.NaN);
	return Number.isFinite(state) && state >= 0 ? [state] : [];
}

/** The limits as {@link readFrequencyLimits} finds them, read seldom: policies change when a user or a driver decides. */
export class FrequencyReader {
	private readonly sysRoot: string;
	private limits: FrequencyLimits | null = null;
	private at: Ns = Number.NEGATIVE_INFINITY;

	constructor(sysRoot: string) {
		this.sysRoot = sysRoot;
	}

	read(): FrequencyLimits | null {
		const now = monotonicNs();
		const pause = this.limits ? LIMITS_PAUSE : SEARCH_PAUSE;
		if (now - this.at >= pause) {
			this.limits = readFrequencyLimits(this.sysRoot);
			this.at = now;
		}
		return this.limits;
	}
}
