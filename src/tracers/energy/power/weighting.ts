/** Weights by which energy is divided among tasks: time, time × frequency, or cycles; the best available. */

import { Unavailable } from '../../../core/errors.ts';
import type { CycleCounters } from '../cpu/cycles.ts';
import type { Placement } from '../cpu/thread-use.ts';
import type { WeightChoice } from '../options.ts';
import type { Processors } from './cpufreq.ts';

export interface Weighting extends Placement {
	readonly kind: 'run time' | 'run time × frequency' | 'cycles';
	/** Why no better kind is used; may be empty. */
	readonly why: string;
	/** CPUs that weigh the same although they differ; may be empty. */
	readonly limits: string;
	/** Of the kind `cycles`; closed by its maker. */
	readonly cycles?: CycleCounters;
}

/**
 * Choose the weights. `processors` should give all time the same weight where `time` is wanted.
 * @param openCycles throws {@link Unavailable} where cycles cannot be counted
 * @throws {Unavailable} where the weights requested by name are not available
 */
export function chooseWeighting(
	wanted: WeightChoice,
	processors: Processors,
	openCycles: () => CycleCounters,
): Weighting {
	const packageOf = (cpu: number) => processors.packageOf(cpu);
	const speedOf = (cpu: number) => processors.speedOf(cpu);
	if (wanted === 'time') return { kind: 'run time', why: '', limits: '', packageOf, speedOf: () => 1 };
	const scaled = processors.frequency_ghz !== undefined;
	const common = {
		// prices of classes are learned
		get limits() {
			return processors.limits;
		},
		packageOf,
		speedOf,
	};
	if (wanted === 'cycles') {
		const cycles = openCycles();
		return Object.assign(common, {
			kind: 'cycles' as const,
			why: cycles.standIn,
			cycles,
			speedOf(cpu: number, own?: Parameters<Weighting['speedOf']>[1]) {
				const ghz = cycles.ghz(cpu, own);
				return ghz === undefined ? speedOf(cpu) : processors.speedAt(ghz, cpu, cycles.fullGhz);
			},
		});
	}
	if (scaled) return Object.assign(common, { kind: 'run time × frequency' as const, why: '' });
	const missing = 'cpufreq does not report the frequency of the CPUs';
	if (wanted === 'frequency') throw new Unavailable(missing, 'usual in virtual machines: leave out --weight');
	return Object.assign(common, { kind: 'run time' as const, why: missing });
}
