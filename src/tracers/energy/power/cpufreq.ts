/** Clock frequencies of the CPUs, from cpufreq, and their packages. */
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
 * Packages and clocks of the CPUs. One package where the kernel reports none; equal weights for all time without cpufreq
 * (most virtual machines).
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
	 * @param count number of CPUs, where sysfs does not list them
	 */
	constructor(sysRoot: string, exponent: number, count: number) {
		const directory = join(sysRoot, 'devices/system/cpu');
		const listed = parseCpuList(readOptional(join(directory, 'online')) ?? '');
		const cpus = listed.length > 0 ? listed : Array.from({ length: count }, (_, cpu) => cpu);
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

	/** Read the clocks: the current ones serve for the interval that ends now. */
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

	/** Relative change of a busy CPU's power by ±1 in the exponent. */
	get exponentError(): number {
		return this.clocks.length > 0 && this.exponent > 0 ? Math.abs(Math.log(Math.max(1e-3, this.meanPart))) : 0;
	}

	packageOf(cpu: number): number {
		return this.indices.get(cpu) ?? 0;
	}

	speedOf(cpu: number): number {
		return this.speeds.get(cpu) ?? 1;
	}

	/** The same for a measured clock. `full` (GHz) replaces the CPU's maximum where cpufreq has none. */
	speedAt(ghz: number, cpu: number, full: number): number {
		const most = (this.clocks.find((clock) => clock.cpu === cpu)?.most ?? 0) / 1e6 || full;
		return most > 0 ? this.weigh(ghz / most) : 1;
	}

	/** Boost may exceed the reported maximum. */
	private weigh(part: number): number {
		return Math.min(4, part ** this.exponent);
	}
}
