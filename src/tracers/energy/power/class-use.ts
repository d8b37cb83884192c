/** Learns what CPUs of each class draw, and what a second of each costs. */
import type { MicroJoules, Ns } from '../../../lib/units.ts';
import type { CpuClassField } from '../snapshot.ts';
import { ClassPrices, type Prices } from './classes.ts';
import type { Processors } from './cpufreq.ts';

/** Shorter intervals have too much noise to learn from. */
const SHORTEST: Ns = 0.2e9;

/** One interval. */
export interface ClassInterval {
	dt: Ns;
	/** Part in which each CPU was busy; empty: not known. */
	busy: ReadonlyMap<number, number>;
	/** Energy by the source; null: not measured. */
	measured_uj: MicroJoules | null;
	/** Of it beyond idle. */
	active_uj: MicroJoules;
	/** CPU time of all tasks and interrupts. */
	cpu_ns: Ns;
	/** A counter that knows nothing of the model. */
	counter: boolean;
}

export class ClassUse {
	private readonly processors: Pick<Processors, 'kinds' | 'withoutClass' | 'learn'>;
	private learned: ClassPrices | undefined;
	private size = 0;

	constructor(processors: Pick<Processors, 'kinds' | 'withoutClass' | 'learn'>) {
		this.processors = processors;
	}

	update({ dt, busy, measured_uj, active_uj, cpu_ns, counter }: ClassInterval): CpuClassField[] {
		const { kinds } = this.processors;
		const known = dt > 0 && kinds.every(({ cpus }) => cpus.every((cpu) => busy.has(cpu)));
		const busyOf = (cpus: readonly number[], weight: (cpu: number) => number): number =>
			cpus.reduce((sum, cpu) => sum + (busy.get(cpu) ?? 0) * weight(cpu), 0);
		let prices: Prices | undefined;
		if (kinds.length > 1) {
			if (this.size !== kinds.length) this.learned = new ClassPrices(kinds.length);
			this.size = kinds.length;
			// µJ / ns = kW
			if (known && counter && measured_uj !== null && dt >= SHORTEST)
				this.learned?.update(
					(measured_uj / dt) * 1000,
					kinds.map(({ cpus }) => busyOf(cpus, (cpu) => this.processors.withoutClass(cpu))),
				);
			prices = this.learned?.prices;
			this.processors.learn(prices);
		}
		const times = kinds.map(({ cpus }): Ns | null => (known ? Math.round(dt * busyOf(cpus, () => 1)) : null));
		const weights = kinds.map(({ capacity }) => capacity ?? 1);
		const weighted =
			kinds.length > 1 ? times.reduce<number>((sum, ns, i) => sum + (ns ?? 0) * (weights[i] as number), 0) : cpu_ns;
		return kinds.map(({ name, cpus, capacity }, index): CpuClassField => {
			const alike = kinds.length === 1 || capacity === null;
			const share = kinds.length === 1 ? 1 : (weights[index] as number);
			const mean = measured_uj !== null && weighted > 0 ? ((active_uj * share) / weighted) * 1e9 : null;
			const price = prices?.watts[index];
			return {
				name,
				cpus: cpus.length,
				busy_ns: kinds.length === 1 ? cpu_ns : (times[index] ?? null),
				// W = J/s
				second_uj: price !== undefined ? Math.round(price * 1e6) : mean === null ? null : Math.round(mean),
				from: price !== undefined ? 'regression' : alike ? 'mean' : 'capacity',
				error_share: prices?.errors[index] ?? null,
				residual_share: prices?.residual ?? null,
			};
		});
	}
}
