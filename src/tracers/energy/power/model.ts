/** Watts where no counter is: a line from idle to TDP over the use of the CPUs. */
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

/** How far each parameter may be from the truth, as a part of it. */
export const ranges = {
	/** Machines reach 70 to 130 % of the TDP they are sold with. */
	tdp: 0.3,
	/** Processors idle at 10 to 30 % of it. */
	idle: 0.5,
} as const;

/** W × ns → µJ */
export function microJoules(watts: Watts, time: Ns): number {
	return (watts * time) / 1000;
}

/** Energy beyond idle of this much CPU time: (TDP − idle) / CPUs × time. Not rounded, µJ. */
export function activeEnergy({ tdp, idleShare, cpus }: ModelParameters, busy: Ns): number {
	return microJoules((tdp * (1 - idleShare)) / cpus, busy);
}

/** The linear model: idle watts + (TDP − idle) × part of the CPUs in use, for `dt` with `work` ns of CPU time. */
export function modelEnergy(parameters: ModelParameters, dt: Ns, work: number): Measured {
	const idle_uj = Math.round(microJoules(parameters.tdp * parameters.idleShare, dt));
	return { measured_uj: idle_uj + Math.round(activeEnergy(parameters, work)), idle_uj };
}

/**
 * The original monitor's arithmetic: every CPU-second costs watts / CPUs, whatever the CPU does. What nobody used of
 * `dt` on all CPUs is idle, so that the whole is watts × time.
 */
export function seedEnergy({ tdp, cpus }: ModelParameters, dt: Ns, work: number): Measured {
	const active = activeEnergy({ tdp, idleShare: 0, cpus }, work);
	const idle_uj = Math.max(0, Math.round(microJoules(tdp, dt) - active));
	return { measured_uj: idle_uj + Math.round(active), idle_uj };
}

/**
 * How far the modelled energy may be off when all parameters are wrong at once; a part of it, at least 0.1.
 * @param exponentError what ±1 in the exponent of the frequency changes in the active part
 */
export function modelError({ measured_uj, idle_uj }: Measured, exponentError: number): number {
	if (measured_uj <= 0) return ranges.idle;
	const active = measured_uj - idle_uj;
	return Math.max(0.1, (ranges.idle * idle_uj + (ranges.tdp + exponentError) * active) / measured_uj);
}
