/** Energy of the intervals, from a counter, from the model, or none, and the badge that describes it. */

import type { Source } from '../../../core/snapshot.ts';
import { type SafeText, safe, sanitize } from '../../../lib/sanitize.ts';
import type { MicroJoules, Ns, Watts } from '../../../lib/units.ts';
import type { CpuCounter } from '../cpu/cpu-use.ts';
import type { EnergyDomain, EnergySource } from '../sources/source.ts';
import type { Measured } from './attribution.ts';
import type { Processors } from './cpufreq.ts';
import { IdleBaseline } from './idle.ts';
import { type ModelParameters, microJoules, modelEnergy, modelError, ranges, seedEnergy } from './model.ts';
import type { Weighting } from './weighting.ts';

/** One energy counter, whether or not it is part of the total. */
export interface DomainEnergy extends EnergyDomain {
	/** null: not known for this interval. */
	energy_uj: MicroJoules | null;
}

export interface PowerReading {
	/** One for each package, and the last for the energy of no package. */
	packages: Measured[];
	/** Energy of memory, which is not in `packages` then. */
	memory?: Measured;
	/** false: nothing was measured in this interval; the energies are 0 without meaning. */
	known: boolean;
	/** Why the interval is special. */
	marked: SafeText[];
	domains: DomainEnergy[];
	uncertainty: string;
}

/** A source of power. */
export interface Power {
	readonly kind: string;
	readonly description: string;
	readonly scope: SafeText;
	readonly hooks: readonly string[];
	/**
	 * Energy of the interval that ends now.
	 * @param dt its measured length
	 * @param work CPU time of all tasks in it, weighted by speed, by package
	 */
	read(dt: Ns, work: readonly number[]): PowerReading;
	close(): void;
}

const none: Measured = { measured_uj: 0, idle_uj: 0 };

function round(watts: Watts): number {
	return Math.round(watts * 100) / 100;
}

function percent(part: number): string {
	return `±${Math.round(part * 100)} %`;
}

const sum = (all: number, part: number): number => all + part;

/** Energy of the whole machine, computed from the work of all tasks without a counter. */
function computedPower(
	about: Pick<Power, 'kind' | 'description' | 'scope'>,
	compute: (dt: Ns, work: number) => { energy: Measured; known: boolean; uncertainty: string },
): Power {
	return {
		...about,
		hooks: [],
		read(dt, work) {
			const { energy, known, uncertainty } = compute(dt, work.reduce(sum, 0));
			return { packages: [...work.map(() => none), energy], known, marked: [], domains: [], uncertainty };
		},
		close() {},
	};
}

export function modelPower(parameters: ModelParameters, processors: Processors): Power {
	const { tdp, idleShare, cpus } = parameters;
	const about = {
		kind: 'model',
		description: `no power counter in use: ${round(tdp * idleShare)} W idle, ${round(tdp)} W with all ${cpus} CPUs busy (set with --power)`,
		scope: safe`CPUs as modelled`,
	};
	return computedPower(about, (dt, work) => {
		const energy = modelEnergy(parameters, dt, work);
		// the model has one machine, with equal packages
		const error = percent(modelError(energy, processors.exponentError));
		const uncertainty = `watts ${error} (modelled: idle ${percent(ranges.idle)}, full power ${percent(ranges.tdp)})`;
		return { energy, known: true, uncertainty };
	});
}

export function seedPower(parameters: ModelParameters): Power {
	const { tdp, cpus } = parameters;
	const about = {
		kind: 'model',
		description: `the original monitor's model: ${round(tdp)} W / ${cpus} CPUs × seconds of CPU time; unused time counts as idle`,
		scope: safe`CPUs as modelled`,
	};
	const uncertainty = 'watts ±70 % (an idle CPU is taken to draw as much as a busy one)';
	return computedPower(about, (dt, work) => ({ energy: seedEnergy(parameters, dt, work), known: true, uncertainty }));
}

/** CPU seconds only. */
export function noPower(): Power {
	const about = {
		kind: 'time',
		description: 'CPU time only (--source time): no watts are shown, and energies in JSON are 0 without meaning',
		scope: safe`none`,
	};
	return computedPower(about, () => ({ energy: none, known: false, uncertainty: 'no watts' }));
}

/** Has the source counters of memory beside those of the packages? */
export function countsMemory({ domains }: Pick<EnergySource, 'domains'>): boolean {
	return domains.some(isMemory);
}

const isMemory = ({ counted, level }: EnergyDomain): boolean => counted && level === 'dram';

/** Counted energy of memory, by package; null: it spans packages. */
function memoryOf({ domains }: EnergySource, domain_uj: readonly (MicroJoules | null)[]) {
	const byPackage = new Map<number | null, MicroJoules>();
	for (const [index, domain] of domains.entries())
		if (isMemory(domain)) byPackage.set(domain.package, (byPackage.get(domain.package) ?? 0) + (domain_uj[index] ?? 0));
	return byPackage;
}

/**
 * Energy from a counter; idle power is learned for each package separately.
 * @param memoryApart energy of memory is not added to that of its package
 */
export function counterPower(
	source: EnergySource,
	processors: Processors,
	idleShare: number,
	memoryApart = false,
): Power {
	// the last but one: energy of no package; the last: memory
	const baselines = [...processors.packages, null, null].map(() => new IdleBaseline(idleShare));
	const split = (energy: MicroJoules, packageIndex: number, dt: Ns, work: number, count: number): Measured => {
		if (energy <= 0 || dt <= 0) return { measured_uj: Math.max(0, energy), idle_uj: 0 };
		// µJ / ns = kW
		const idle = (baselines[packageIndex] as IdleBaseline).update((energy / dt) * 1000, work / (dt * count));
		return { measured_uj: energy, idle_uj: Math.min(energy, Math.round(microJoules(idle, dt))) };
	};
	return {
		kind: source.kind,
		description: `${source.description}; idle power is learned from quiet intervals`,
		scope: source.scope,
		hooks: source.hooks,
		read(dt, work) {
			const { measured_uj, domain_uj, package_uj, marked, silent } = source.read(dt);
			const memory = memoryApart ? memoryOf(source, domain_uj) : new Map<number | null, MicroJoules>();
			const memory_uj = [...memory.values()].reduce(sum, 0);
			let rest = measured_uj - memory_uj;
			const packages = processors.packages.map((number, packageIndex) => {
				// with one package, or unknown ones, all energy is the machine's
				const energy =
					processors.packages.length > 1 && number !== null
						? (package_uj.get(number) ?? 0) - (memory.get(number) ?? 0)
						: 0;
				rest -= energy;
				return split(energy, packageIndex, dt, work[packageIndex] ?? 0, processors.cpus[packageIndex] || 1);
			});
			const [busy, cpus] = [work.reduce(sum, 0), processors.cpus.reduce(sum, 0)];
			packages.push(split(rest, packages.length, dt, busy, cpus));
			return {
				packages,
				...(memoryApart && { memory: split(memory_uj, packages.length, dt, busy, cpus) }),
				known: !silent,
				marked: silent ? [safe`not measured in this interval`, ...marked] : marked,
				domains: source.domains.map((domain, index) => ({ ...domain, energy_uj: domain_uj[index] ?? null })),
				uncertainty: `watts ${source.uncertainty}`,
			};
		},
		close: () => source.close(),
	};
}

/** The badge: power and CPU time together. */
export function describeSource(
	power: Power,
	uncertainty: string,
	cpu: CpuCounter['about'],
	{ kind: weighting, why, limits = '' }: Pick<Weighting, 'kind' | 'why'> & Partial<Pick<Weighting, 'limits'>>,
): Source {
	const shared = power.kind === 'time' ? '' : `shared out by ${weighting}${why === '' ? '' : ` (${why})`}`;
	return {
		kind: power.kind,
		description: [power.description, shared, cpu.description].filter((part) => part !== '').join('; '),
		weighting,
		uncertainty: [uncertainty, `CPU time ${cpu.uncertainty}`, ...(limits === '' ? [] : [limits])].join('; '),
		hooks: [...power.hooks, ...cpu.hooks].map((hook) => sanitize(hook)),
		scope: power.scope,
		missing: (cpu.missing ?? []).map((sentence) => sanitize(sentence)),
	};
}
