/** By what energy is shared out among those who ran: time, time × frequency, or cycles. */

import { Unavailable } from '../../../core/errors.ts';
import type { CycleCounters } from '../cpu/cycles.ts';
import type { Placement } from '../cpu/thread-use.ts';
import type { Processors } from './cpufreq.ts';

export const weightChoices = ['auto', 'time', 'frequency', 'cycles'] as const;
export type WeightChoice = (typeof weightChoices)[number];

export interface Weighting extends Placement {
	readonly kind: 'run time' | 'run time × frequency' | 'cycles';
	/** What else is to be said of it: why it is not a better one. May be empty. */
	readonly why: string;
	/** What it takes for alike although it is not; may be empty. */
	readonly limits: string;
	/** Of the kind `cycles`; closed by whoever made it. */
	readonly cycles?: CycleCounters;
}

/**
 * Find what to weigh by. Cycles only by name: they cost 230 to 280 ns at every context switch, and a counter of each CPU that
 * others may want. `processors` should give every nanosecond the same weight where time alone was asked for.
 * @param openCycles throws {@link Unavailable} where cycles cannot be counted
 * @throws {Unavailable} what was asked for by name is not to be had
 */
export function chooseWeighting(
	wanted: WeightChoice,
	processors: Processors,
	openCycles: () => CycleCounters,
): Weighting {
	const packageOf = (cpu: number) => processors.packageOf(cpu);
	const speedOf = (cpu: number) => processors.speedOf(cpu);
	const { limits } = processors;
	if (wanted === 'time') return { kind: 'run time', why: '', limits: '', packageOf, speedOf: () => 1 };
	const scaled = processors.frequency_ghz !== undefined;
	if (wanted === 'cycles') {
		const cycles = openCycles();
		return {
			kind: 'cycles',
			why: cycles.standIn,
			limits,
			cycles,
			packageOf,
			speedOf(cpu, own) {
				const ghz = cycles.ghz(cpu, own);
				return ghz === undefined ? speedOf(cpu) : processors.speedAt(ghz, cpu, cycles.fullGhz);
			},
		};
	}
	if (scaled) return { kind: 'run time × frequency', why: '', limits, packageOf, speedOf };
	const missing = 'cpufreq does not tell the frequency of the CPUs';
	if (wanted === 'frequency') throw new Unavailable(missing, 'usual in virtual machines: leave out --weight');
	return { kind: 'run time', why: missing, limits, packageOf, speedOf };
}
