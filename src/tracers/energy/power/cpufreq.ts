/** How fast the CPUs are clocked, from cpufreq, and to which package each belongs. */
import { join } from 'node:path';
import { parseCpuList } from '../../../system/cpus.ts';
import { kernelText } from '../../../system/kernel-text.ts';
import type { Placement } from '../cpu/thread-use.ts';
import { packageOfCpu } from '../sources/processor.ts';
import { readOptional } from '../sources/sysfs.ts';

interface Clock {
	cpu: number;
	path: string;
	/** kHz */
	most: number;
}

/** In sysfs. */
const ONLINE = 'devices/system/cpu/online';

function readNumber(path: string): number {
	const value = Number(readOptional(path) ?? Number.NaN);
	return value > 0 && Number.isFinite(value) ? value : Number.NaN;
}

/**
 * Packages and clocks of the CPUs. Where the kernel does not tell packages there is one package; where there is no
 * cpufreq (most virtual machines) every nanosecond weighs the same.
 */
export class Processors implements Placement {
	/** Numbers of the physical packages, in the order of their indices. */
	readonly packages: readonly (number | null)[];
	/** CPUs in each package, online now. */
	cpus: readonly number[] = [];
	private readonly indices = new Map<number, number>();
	private clocks: Clock[] = [];
	/** Numbers of the CPUs that are online. */
	online: readonly number[] = [];
	/** Counts the changes of `online`. */
	changes = 0;
	/** The kernel's list of them, as it was read last. */
	private list: string | undefined;
	private readonly sysRoot: string;
	private readonly count: number;
	private readonly speeds = new Map<number, number>();
	private readonly exponent: number;
	/** Mean over the CPUs, and as a part of their maximum; undefined without cpufreq. */
	frequency_ghz: number | undefined;
	private meanPart = 1;

	/**
	 * @param exponent power of a busy CPU ∝ frequency to this
	 * @param count CPUs where sysfs does not say
	 */
	constructor(sysRoot: string, exponent: number, count: number) {
		this.sysRoot = sysRoot;
		this.count = count;
		this.exponent = exponent;
		this.list = kernelText(sysRoot, ONLINE);
		this.packages = this.place();
		this.tick();
	}

	/** Find the CPUs that are online. Returns their packages: those known before, then new ones. */
	private place(known: readonly (number | null)[] = []): (number | null)[] {
		const directory = join(this.sysRoot, 'devices/system/cpu');
		const told = parseCpuList(this.list?.trim() ?? '');
		const online = told.length > 0 ? told : Array.from({ length: this.count }, (_, cpu) => cpu);
		this.online = online;
		const byPackage = Map.groupBy(online, (cpu) => packageOfCpu(this.sysRoot, cpu));
		const packages = [...known, ...[...byPackage.keys()].filter((number) => !known.includes(number))];
		this.cpus = packages.map((number) => byPackage.get(number)?.length ?? 0);
		for (const [packageIndex, number] of packages.entries())
			for (const cpu of byPackage.get(number) ?? []) this.indices.set(cpu, packageIndex);
		this.clocks = online
			.map((cpu) => ({
				cpu,
				path: join(directory, `cpu${cpu}/cpufreq/scaling_cur_freq`),
				most: readNumber(join(directory, `cpu${cpu}/cpufreq/cpuinfo_max_freq`)),
			}))
			.filter(({ most, path }) => most > 0 && readNumber(path) > 0);
		return packages;
	}

	/** CPUs come and go. A package that had no CPU at the start counts with the first one: its energy was not asked for. */
	private followHotplug(): void {
		const list = kernelText(this.sysRoot, ONLINE);
		if (list === this.list) return;
		this.list = list;
		const { packages } = this;
		this.place(packages);
		const later = this.cpus.slice(packages.length).reduce((sum, count) => sum + count, 0);
		this.cpus = packages.map((_, index) => (this.cpus[index] as number) + (index === 0 ? later : 0));
		for (const [cpu, index] of this.indices) if (index >= packages.length) this.indices.set(cpu, 0);
		this.changes++;
	}

	/** Read the clocks: what they say now stands for the interval that ends now. */
	tick(): void {
		this.followHotplug();
		let sum = 0;
		let parts = 0;
		let read = 0;
		for (const { cpu, path, most } of this.clocks) {
			const now = readNumber(path);
			if (Number.isNaN(now)) continue;
			this.speeds.set(cpu, this.weigh(now / most));
			sum += now;
			parts += now / most;
			read++;
		}
		this.frequency_ghz = read > 0 ? sum / read / 1e6 : undefined;
		this.meanPart = read > 0 ? parts / read : 1;
	}

	/** What ±1 in the exponent changes in the power of a busy CPU, as a part of it. */
	get exponentError(): number {
		return this.clocks.length > 0 && this.exponent > 0 ? Math.abs(Math.log(Math.max(1e-3, this.meanPart))) : 0;
	}

	packageOf(cpu: number): number {
		return this.indices.get(cpu) ?? 0;
	}

	speedOf(cpu: number): number {
		return this.speeds.get(cpu) ?? 1;
	}

	/** The same for a clock that was measured. `full` (GHz) stands for the CPU's maximum where cpufreq does not tell it. */
	speedAt(ghz: number, cpu: number, full: number): number {
		const most = (this.clocks.find((clock) => clock.cpu === cpu)?.most ?? 0) / 1e6 || full;
		return most > 0 ? this.weigh(ghz / most) : 1;
	}

	/** Boost may exceed what is told as the maximum. */
	private weigh(part: number): number {
		return Math.min(4, part ** this.exponent);
	}
}
