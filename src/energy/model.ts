/** Watts where no counter is: a line from idle to TDP over the use of the CPUs. */
import type { Source } from '../tracers/tracer.ts';
import type { Ns, Watts } from '../units.ts';
import type { Measured } from './attribution.ts';

/** Where the energy of an interval comes from: the model, and later counters. */
export interface PowerSource {
	readonly source: Pick<Source, 'kind' | 'description' | 'uncertainty'>;
	/**
	 * Energy of the interval that ends now.
	 * @param dt its measured length
	 * @param busy CPU time of all tasks in it
	 */
	measure(dt: Ns, busy: Ns): Measured;
}

export interface ModelParameters {
	/** Watts with every CPU busy (TDP). */
	tdp: Watts;
	/** Watts with every CPU idle, as a part of the TDP, 0–1. */
	idleShare: number;
	/** CPUs that share these watts. */
	cpus: number;
}

/** W × ns → µJ */
function microJoules(watts: Watts, time: Ns): number {
	return (watts * time) / 1000;
}

/** Energy beyond idle of this much CPU time: (TDP − idle) / CPUs × time. Not rounded, µJ. */
export function activeEnergy({ tdp, idleShare, cpus }: ModelParameters, busy: Ns): number {
	return microJoules((tdp * (1 - idleShare)) / cpus, busy);
}

/**
 * The linear model: idle watts + (TDP − idle) × part of the CPUs in use. It knows neither frequency nor what the
 * instructions do, which is where its ± comes from.
 */
export function modelSource(parameters: ModelParameters): PowerSource {
	const { tdp, idleShare, cpus } = parameters;
	const idleWatts = tdp * idleShare;
	return {
		source: {
			kind: 'model',
			description:
				`no power counter in use: ${round(idleWatts)} W idle, ${round(tdp)} W with all ${cpus} CPUs busy (set with --power), ` +
				'shared out by CPU time',
			uncertainty: 'watts ±50 % (a model, not a measurement); CPU time exact but for one timer tick per CPU',
		},
		measure(dt, busy) {
			const idle_uj = Math.round(microJoules(idleWatts, dt));
			return { measured_uj: idle_uj + Math.round(activeEnergy(parameters, busy)), idle_uj };
		},
	};
}

function round(watts: Watts): number {
	return Math.round(watts * 100) / 100;
}
