/** Clock frequencies of the CPUs, from cpufreq, and their packages. */
import { join } from 'node:path';
import { parseCpuList } from '../../../system/cpus.ts';
import { kernelText } from '../../../system/kernel-text.ts';
import type { Placement } from '../cpu/thread-use.ts';
import { packageOfCpu } from '../sources/processor.ts';
import { readOptional } from '../sources/sysfs.ts';
import { type CpuClass, cpuClasses, type Prices } from './classes.ts';

interface Clock {
	cpu: number;
	path: string;
	/** kHz */
	most: number;
}

/** What a further busy thread adds to the power of its core, as a part of the first one's; measured on x86: 0.1 to 0.5. */
const SMT_ADDS = 0.3;

/** In sysfs. */
const ONLINE = 'devices/system/cpu/online';

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
	private readonly ghz = new Map<number, number>();
	private readonly exponent: number;
	/** Mean over the CPUs, and as a part of their maximum; undefined without cpufreq. */
	frequency_ghz: number | undefined;
	private meanPart = 1;
	/** CPUs that are alike; one class where all are. */
	kinds: readonly CpuClass[] = [];
	/** What the CPUs of each class were learned to draw; undefined: not known. */
	private prices: Prices | undefined;
	/** Weight of a CPU's class, the mean over the CPUs being 1; empty: not known, or all alike. */
	private readonly classes = new Map<number, number>();
	/** Other CPUs of the same core; left out: none. */
	private readonly siblings = new Map<number, readonly number[]>();
	/** Part of the last interval in which a CPU was busy; empty: not known. */
	private busy: ReadonlyMap<number, number> = new Map();

	/**
	 * @param exponent power of a busy CPU ∝ frequency to this
	 * @param count number of CPUs, where sysfs does not list them
	 */
	constructor(sysRoot: string, exponent: number, count: number) {
		this.sysRoot = sysRoot;
		this.count = count;
		this.exponent = exponent;
		this.list = kernelText(sysRoot, ONLINE);
		this.packages = this.place();
		this.classify();
		this.tick();
	}

	/** Find the CPUs that are online. Returns their packages: those known before, then new ones. */
	private place(known: readonly (number | null)[] = []): (number | null)[] {
		const directory = join(this.sysRoot, 'devices/system/cpu');
		const listed = parseCpuList(this.list?.trim() ?? '');
		const online = listed.length > 0 ? listed : Array.from({ length: this.count }, (_, cpu) => cpu);
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
		this.classify();
		this.changes++;
	}

	/**
	 * Read the clocks: the current ones serve for the interval that ends now.
	 * @param busy part of that interval in which each CPU was busy; empty: not known
	 */
	tick(busy: ReadonlyMap<number, number> = new Map()): void {
		this.busy = busy;
		this.followHotplug();
		let sum = 0;
		let parts = 0;
		let read = 0;
		for (const { cpu, path, most } of this.clocks) {
			const now = readNumber(path);
			if (Number.isNaN(now)) continue;
			this.speeds.set(cpu, this.weigh(now / most));
			this.ghz.set(cpu, now / 1e6);
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

	/** Clock at the last tick; undefined: not known. */
	ghzOf(cpu: number): number | undefined {
		return this.ghz.get(cpu);
	}

	speedOf(cpu: number): number {
		return this.classOf(cpu) * this.withoutClass(cpu);
	}

	/** Weight of a nanosecond by clock and busy siblings only. */
	withoutClass(cpu: number): number {
		return (this.speeds.get(cpu) ?? 1) * this.sharing(cpu);
	}

	/** Weigh the classes by what they draw; undefined: by capacity again. */
	learn(prices: Prices | undefined): void {
		this.prices = prices;
		this.weighClasses();
	}

	/** CPUs that weigh the same although they differ, in a few words; may be empty. */
	get limits(): string {
		const { kinds, prices } = this;
		const parts: string[] = [];
		if (kinds.length > 1 && prices) {
			const most = Math.max(...prices.errors);
			parts.push(`classes of CPUs weigh by the counter, ±${Math.max(1, Math.round(most * 100))} %, residual ${Math.round(prices.residual * 100)} % of the power`); // biome-ignore format: one sentence
		} else if (this.classes.size > 0) {
			parts.push('CPUs of several classes weigh by cpu_capacity, energy between classes ±50 %');
		} else if (kinds.length > 1) {
			parts.push(
				'a ns on a P-core and on an E-core weighs the same, energy between them may be off by a factor of 2 to 5',
			);
		}
		if (this.siblings.size > 0)
			parts.push(
				`of two busy threads of a core (SMT) the second adds ${SMT_ADDS * 100} % to the first, ±20 % of the power`,
			);
		return parts.join('; ');
	}

	private classOf(cpu: number): number {
		return this.exponent > 0 ? (this.classes.get(cpu) ?? 1) : 1;
	}

	/** A thread that has its core for itself draws more than its part of a core whose threads are all busy, which weighs 1. */
	private sharing(cpu: number): number {
		const others = this.siblings.get(cpu);
		if (!others || this.exponent === 0 || !this.busy.has(cpu)) return 1;
		const beside = others.reduce((sum, other) => sum + (this.busy.get(other) ?? 0), 0);
		return ((others.length + 1) * (1 + SMT_ADDS * beside)) / ((1 + SMT_ADDS * others.length) * (1 + beside));
	}

	/** Classes of CPUs, and threads of the same core. */
	private classify(): void {
		const directory = join(this.sysRoot, 'devices/system/cpu');
		const known = this.kinds;
		this.kinds = cpuClasses(this.sysRoot, this.online);
		// learned of others
		if (known.length !== this.kinds.length) this.prices = undefined;
		this.weighClasses();
		this.siblings.clear();
		const online = new Set(this.online);
		for (const cpu of this.online) {
			const core = parseCpuList(readOptional(join(directory, `cpu${cpu}/topology/thread_siblings_list`)) ?? '');
			const others = core.filter((other) => other !== cpu && online.has(other));
			if (others.length > 0) this.siblings.set(cpu, others);
		}
	}

	/**
	 * By what they were learned to draw; else by `cpu_capacity` (big.LITTLE; hybrid x86 of new kernels), which is speed at the
	 * highest clock and so at least what a class draws more. Intel's hybrids without it are only named.
	 */
	private weighClasses(): void {
		const { kinds, prices } = this;
		this.classes.clear();
		if (kinds.length < 2) return;
		const values = kinds.map(({ capacity }, index) => prices?.watts[index] ?? capacity);
		if (values.some((value) => value === null)) return;
		const cpus = kinds.reduce((sum, kind) => sum + kind.cpus.length, 0);
		const mean = kinds.reduce((sum, kind, index) => sum + (values[index] as number) * kind.cpus.length, 0) / cpus;
		for (const [index, kind] of kinds.entries())
			for (const cpu of kind.cpus) this.classes.set(cpu, (values[index] as number) / mean);
	}

	/** The same for a measured clock. `full` (GHz) replaces the CPU's maximum where cpufreq has none. */
	speedAt(ghz: number, cpu: number, full: number): number {
		const most = (this.clocks.find((clock) => clock.cpu === cpu)?.most ?? 0) / 1e6 || full;
		return this.classOf(cpu) * this.sharing(cpu) * (most > 0 ? this.weigh(ghz / most) : 1);
	}

	/** Boost may exceed the reported maximum. */
	private weigh(part: number): number {
		return Math.min(4, part ** this.exponent);
	}
}
