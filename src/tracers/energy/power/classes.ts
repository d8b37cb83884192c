/**
 * CPUs that are alike, and what a second of each class costs: by regression of the counter's power on the busy time of the
 * classes, with what the regression leaves unexplained; else in proportion to `cpu_capacity`.
 */
import { join } from 'node:path';
import { type SafeText, safe } from '../../../lib/sanitize.ts';
import type { Watts } from '../../../lib/units.ts';
import { parseCpuList } from '../../../system/cpus.ts';
import { readOptional } from '../sources/sysfs.ts';

export interface CpuClass {
	/** `P-core`, `E-core`, `capacity 512`; `CPU` where all are alike. */
	name: SafeText;
	cpus: readonly number[];
	/** Speed at the highest clock, 1,024 being the fastest CPU of the machine; null: not known. */
	capacity: number | null;
}

/** Kinds of Intel's hybrids, by their PMUs. */
const HYBRID = [
	['cpu_core', safe`P-core`],
	['cpu_atom', safe`E-core`],
	['cpu_lowpower', safe`low-power E-core`],
] as const;

/** @param online numbers of the CPUs */
export function cpuClasses(sysRoot: string, online: readonly number[]): CpuClass[] {
	const capacityOf = (cpu: number): number | null => {
		const value = Number(readOptional(join(sysRoot, `devices/system/cpu/cpu${cpu}/cpu_capacity`)) ?? Number.NaN);
		return value > 0 && Number.isFinite(value) ? value : null;
	};
	const pmus = HYBRID.map(([pmu, name]) => {
		const list = parseCpuList(readOptional(join(sysRoot, 'bus/event_source/devices', pmu, 'cpus')) ?? '');
		return { name, cpus: online.filter((cpu) => list.includes(cpu)) };
	}).filter(({ cpus }) => cpus.length > 0);
	if (pmus.length > 1 && pmus.reduce((sum, { cpus }) => sum + cpus.length, 0) === online.length)
		return pmus.map(({ name, cpus }) => ({ name, cpus, capacity: capacityOf(cpus[0] as number) }));
	const byCapacity = Map.groupBy(online, capacityOf);
	if (byCapacity.size < 2 || byCapacity.has(null)) return [{ name: safe`CPU`, cpus: online, capacity: null }];
	return Array.from(byCapacity, ([capacity, cpus]) => ({
		name: safe`capacity ${capacity as number}`,
		cpus,
		capacity,
	})).sort((a, b) => (b.capacity as number) - (a.capacity as number));
}

export interface Prices {
	/** Power of a busy CPU of each class beyond idle: J for a second. */
	watts: Watts[];
	/** Standard error of each as a part of it. */
	errors: number[];
	/** Root mean square of what the regression does not explain, as a part of the mean power. */
	residual: number;
}

/** Per interval: after 500 of them a third of the weight is left. */
const FADE = 0.998;
/** Intervals before the first result. */
const LEAST = 20;
/** Of a price: one that is known worse is none. */
const MOST_ERROR = 0.25;
/** Of a column that the others do not explain, as a part of its square sum: less is no variation to learn from. */
const LEAST_PIVOT = 1e-4;

/** Power = base + Σ price × busy CPUs of the class, least squares with forgetting. */
export class ClassPrices {
	private readonly size: number;
	/** Normal equations: sums of products of (1, busy…), and of those with the power. */
	private readonly products: number[][];
	private readonly sums: number[];
	private squares = 0;
	private weight = 0;
	private count = 0;

	/** @param classes number of them */
	constructor(classes: number) {
		this.size = classes + 1;
		this.products = Array.from({ length: this.size }, () => new Array<number>(this.size).fill(0));
		this.sums = new Array<number>(this.size).fill(0);
	}

	/** One interval. @param busy CPUs of each class that were busy on average, weighted by clock */
	update(power: Watts, busy: readonly number[]): void {
		const row = [1, ...busy];
		for (let i = 0; i < this.size; i++) {
			const products = this.products[i] as number[];
			for (let j = 0; j < this.size; j++)
				products[j] = (products[j] as number) * FADE + (row[i] as number) * (row[j] as number);
			this.sums[i] = (this.sums[i] as number) * FADE + (row[i] as number) * power;
		}
		this.squares = this.squares * FADE + power * power;
		this.weight = this.weight * FADE + 1;
		this.count++;
	}

	/** undefined: not known yet, or the classes were never busy apart from each other. */
	get prices(): Prices | undefined {
		if (this.count < LEAST) return undefined;
		const inverse = invert(this.products);
		if (!inverse) return undefined;
		const found = inverse.map((row) => row.reduce((sum, value, i) => sum + value * (this.sums[i] as number), 0));
		const explained = found.reduce((sum, value, i) => sum + value * (this.sums[i] as number), 0);
		const freedom = Math.max(1, this.weight - this.size);
		const variance = Math.max(0, this.squares - explained) / freedom;
		const watts = found.slice(1);
		const errors = watts.map((value, i) => Math.sqrt(variance * (inverse[i + 1]?.[i + 1] as number)) / value);
		if (watts.some((value) => value <= 0) || errors.some((error) => !(error < MOST_ERROR))) return undefined;
		return { watts, errors, residual: Math.sqrt(variance) / ((this.sums[0] as number) / this.weight) };
	}
}

/** Inverse of a symmetric positive matrix; undefined: it has next to none. */
function invert(matrix: readonly (readonly number[])[]): number[][] | undefined {
	const size = matrix.length;
	const rows = matrix.map((row, i) => [...row, ...Array.from({ length: size }, (_, j) => Number(i === j))]);
	for (let i = 0; i < size; i++) {
		const row = rows[i] as number[];
		const pivot = row[i] as number;
		if (!(pivot > LEAST_PIVOT * (matrix[i]?.[i] as number))) return undefined;
		for (let j = 0; j < 2 * size; j++) row[j] = (row[j] as number) / pivot;
		for (const [other, one] of rows.entries()) {
			if (other === i) continue;
			const factor = one[i] as number;
			for (let j = 0; j < 2 * size; j++) one[j] = (one[j] as number) - factor * (row[j] as number);
		}
	}
	return rows.map((row) => row.slice(size));
}
