/** Watts without a counter: linear from idle to TDP over the utilisation of the CPUs. */
import type { Ns, Watts } from '../../../lib/units.ts';
import type { Measured } from './attribution.ts';

export interface ModelParameters {
	/** Watts with every CPU busy (TDP). */
	tdp: Watts;
	/** Watts with every CPU idle, as a part of the TDP, 0–1. */
	idleShare: number;
	/** CPUs that share these watts. */
	cpus: number;
}

/** Relative error of each parameter. */
export const ranges = {
	/** Machines reach 70 to 130 % of their nominal TDP. */
	tdp: 0.3,
	/** Processors idle at 10 to 30 % of it. */
	idle: 0.5,
} as const;

/** W × ns → µJ */
export function microJoules(watts: Watts, time: Ns): number {
	return (watts * time) / 1000;
}

/** Energy beyond idle of `busy` ns of CPU time: (TDP − idle) / CPUs × time. Not rounded, µJ. */
export function activeEnergy({ tdp, idleShare, cpus }: ModelParameters, busy: Ns): number {
	return microJoules((tdp * (1 - idleShare)) / cpus, busy);
}

/**
 * The linear model: idle watts + (TDP − idle) × part of the CPUs in use, for `dt` with `work` ns of CPU time. All of them are
 * the most: times of tasks are not all read at the same moment.
 */
export function modelEnergy(parameters: ModelParameters, dt: Ns, work: number): Measured {
	const idle_uj = Math.round(microJoules(parameters.tdp * parameters.idleShare, dt));
	const busy = Math.min(work, dt * parameters.cpus);
	return { measured_uj: idle_uj + Math.round(activeEnergy(parameters, busy)), idle_uj };
}

/**
 * The original monitor's arithmetic: every CPU-second costs watts / CPUs, whatever the CPU does. Unused time of `dt` on all
 * CPUs is idle, so that the total is watts × time.
 */
export function seedEnergy({ tdp, cpus }: ModelParameters, dt: Ns, work: number): Measured {
	const active = activeEnergy({ tdp, idleShare: 0, cpus }, work);
	const idle_uj = Math.max(0, Math.round(microJoules(tdp, dt) - active));
	return { measured_uj: idle_uj + Math.round(active), idle_uj };
}

/**
 * Relative error of the modelled energy where all parameters are wrong at once, at least 0.1.
 * @param exponentError relative change of the active part by ±1 in the exponent of the frequency
 */
export function modelError({ measured_uj, idle_uj }: Measured, exponentError: number): number {
	if (measured_uj <= 0) return ranges.idle;
	const active = measured_uj - idle_uj;
	return Math.max(0.1, (ranges.idle * idle_uj + (ranges.tdp + exponentError) * active) / measured_uj);
}
