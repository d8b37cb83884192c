/** How fast the CPUs are clocked, from cpufreq, and to which package each belongs. */
import { join } from 'node:path';
import type { Placement } from '../cpu/thread-use.ts';
import { packageOfCpu, parseCpuList } from '../sources/processor.ts';
import { readOptional } from '../sources/sysfs.ts';

interface Clock {
	cpu: number;
	path: string;
	/** kHz */
	most: number;
}

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
	/** CPUs in each package. */
	readonly cpus: readonly number[];
	private readonly indices = new Map<number, number>();
	private readonly clocks: Clock[];
	/** Numbers of the CPUs that are online. */
	readonly online: readonly number[];
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
		const directory = join(sysRoot, 'devices/system/cpu');
		const told = parseCpuList(readOptional(join(directory, 'online')) ?? '');
		const cpus = told.length > 0 ? told : Array.from({ length: count }, (_, cpu) => cpu);
		this.online = cpus;
		const byPackage = Map.groupBy(cpus, (cpu) => packageOfCpu(sysRoot, cpu));
		this.packages = [...byPackage.keys()];
		this.cpus = [...byPackage.values()].map((members) => members.length);
		for (const [packageIndex, members] of [...byPackage.values()].entries())
			for (const cpu of members) this.indices.set(cpu, packageIndex);
		this.exponent = exponent;
		this.clocks = cpus
			.map((cpu) => ({
				cpu,
				path: join(directory, `cpu${cpu}/cpufreq/scaling_cur_freq`),
				most: readNumber(join(directory, `cpu${cpu}/cpufreq/cpuinfo_max_freq`)),
			}))
			.filter(({ most, path }) => most > 0 && readNumber(path) > 0);
		this.tick();
	}

	/** Read the clocks: what they say now stands for the interval that ends now. */
	tick(): void {
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
