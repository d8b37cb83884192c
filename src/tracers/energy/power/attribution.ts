/** Attribution of the measured energy: shares in whole µJ whose sum is exactly the total. */
import type { Count, MicroJoules, Ns } from '../../../lib/units.ts';
import type { PackageWork, TaskTime } from '../cpu/cpu-use.ts';

/**
 * Split a whole number in proportion to weights, into whole numbers whose sum is exactly `total` (largest remainder;
 * of equal remainders the earlier entries win, so the result is deterministic).
 * @param total integer ≥ 0
 * @param weights ≥ 0; all zero: the result is all zero
 */
export function apportion(total: number, weights: ArrayLike<number>): number[] {
	let sum = 0;
	for (let i = 0; i < weights.length; i++) sum += weights[i] as number;
	const parts = new Array<number>(weights.length).fill(0);
	if (sum <= 0 || total <= 0) return parts;
	// of entries without weight below all others
	const rests = new Float64Array(weights.length).fill(-1);
	let left = total;
	let entries = 0;
	for (let i = 0; i < weights.length; i++) {
		const weight = weights[i] as number;
		if (weight <= 0) continue;
		const exact = (total * weight) / sum;
		const part = Math.min(Math.floor(exact), left);
		parts[i] = part;
		left -= part;
		rests[i] = exact - part;
		entries++;
	}
	// fewer are left than there are entries, except by rounding of very large numbers
	const whole = Math.floor(left / entries);
	const more = left - whole * entries;
	// the least remainder that gets one more, and how many of its equals do
	const sorted = rests.toSorted();
	const least = more > 0 ? (sorted[sorted.length - more] as number) : Number.POSITIVE_INFINITY;
	let equals = more;
	for (let at = sorted.length - 1; at >= 0 && (sorted[at] as number) > least; at--) equals--;
	for (let i = 0; i < weights.length && left > 0; i++) {
		const rest = rests[i] as number;
		if (rest < 0) continue;
		const extra = rest > least || (rest === least && equals-- > 0) ? 1 : 0;
		parts[i] = (parts[i] as number) + whole + extra;
	}
	return parts;
}

/** Energy of one interval from a source of power, whole µJ. */
export interface Measured {
	measured_uj: MicroJoules;
	/** The part that is drawn whether anything runs or not. */
	idle_uj: MicroJoules;
}

/** Σ rows_uj + idle_uj + irq_uj + unattributed_uj = measured_uj. */
export interface Attribution extends Measured {
	/** In the order of the weights. */
	rows_uj: MicroJoules[];
	irq_uj: MicroJoules;
	unattributed_uj: MicroJoules;
}

/** `active`: idle energy separate. `idle-spread`: it is divided like the rest, where any task ran. */
export type Policy = 'active' | 'idle-spread';

/**
 * Divide the energy beyond idle among tasks and interrupts, by CPU time. Known time of no row (lost records) gets its part
 * as `unattributed_uj`; so does active energy where no task ran.
 */
export function attribute(
	measured: Measured,
	cpu: ArrayLike<Ns>,
	unattributed: Ns,
	irq: Ns = 0,
	policy: Policy = 'active',
): Attribution {
	const measured_uj = Math.max(0, Math.round(measured.measured_uj));
	const weights = new Float64Array(cpu.length + 2);
	weights.set(cpu as ArrayLike<number>);
	weights[cpu.length] = unattributed;
	weights[cpu.length + 1] = irq;
	const spread = policy === 'idle-spread' && weights.some((weight) => weight > 0);
	const idle_uj = spread ? 0 : Math.min(measured_uj, Math.max(0, Math.round(measured.idle_uj)));
	const active = measured_uj - idle_uj;
	const rows_uj = apportion(active, weights);
	const irq_uj = rows_uj.pop() as number;
	const unattributed_uj = rows_uj.pop() as number;
	const attributed = rows_uj.reduce((sum, part) => sum + part, unattributed_uj + irq_uj);
	return { measured_uj, idle_uj, irq_uj, rows_uj, unattributed_uj: unattributed_uj + (active - attributed) };
}

/**
 * The same for a machine of several packages: the energy of each is divided among the tasks that ran there. The last of
 * `packages` has the energy of no package, for all tasks. Time without a known package counts in all packages equally.
 */
export function attributePackages(
	packages: readonly Measured[],
	tasks: readonly PackageWork[],
	unattributed: Ns,
	irq: readonly PackageWork[],
	policy: Policy,
): Attribution {
	const total: Attribution = {
		measured_uj: 0,
		idle_uj: 0,
		irq_uj: 0,
		unattributed_uj: 0,
		rows_uj: new Array<number>(tasks.length).fill(0),
	};
	for (const [packageIndex, measured] of packages.entries()) {
		const everywhere = packageIndex === packages.length - 1;
		if (measured.measured_uj <= 0) continue;
		const part = everywhere ? 1 : 1 / (packages.length - 1);
		const here = ({ work, packageIndex: where }: PackageWork): number =>
			where === null ? work * part : everywhere || where === packageIndex ? work : 0;
		const weights = Float64Array.from(tasks, here);
		const interrupts = irq.reduce((sum, entry) => sum + here(entry), 0);
		const result = attribute(measured, weights, unattributed * part, interrupts, policy);
		for (const key of ['measured_uj', 'idle_uj', 'irq_uj', 'unattributed_uj'] as const) total[key] += result[key];
		for (const [index, energy] of result.rows_uj.entries())
			total.rows_uj[index] = (total.rows_uj[index] as number) + energy;
	}
	return total;
}

/**
 * The energy of memory, by the cache misses of processes; among the tasks of one of them by their work. Misses of processes
 * that are not among the tasks get their part as `unattributed_uj`. Where none are known, by work alone.
 * @param missesOf by `pid:start`
 */
export function attributeMemory(
	memory: Measured,
	tasks: readonly TaskTime[],
	missesOf: ReadonlyMap<string, Count>,
	{ unattributed, irq, policy }: { unattributed: Ns; irq: readonly PackageWork[]; policy: Policy },
): Attribution {
	const idOf = ({ task: { process } }: TaskTime): string => `${process.pid}:${process.start}`;
	const processes = new Map<string, { work: number; tasks: Count }>();
	for (const task of tasks) {
		const process = processes.get(idOf(task)) ?? { work: 0, tasks: 0 };
		process.work += task.work;
		process.tasks++;
		processes.set(idOf(task), process);
	}
	if (missesOf.size === 0) {
		const interrupts = irq.reduce((sum, { work }) => sum + work, 0);
		const weights = tasks.map(({ work }) => work);
		return attribute(memory, weights, unattributed, interrupts, policy);
	}
	const weights = tasks.map((task) => {
		const process = processes.get(idOf(task)) as { work: number; tasks: Count };
		return (missesOf.get(idOf(task)) ?? 0) * (process.work > 0 ? task.work / process.work : 1 / process.tasks);
	});
	const unknown = [...missesOf].reduce((sum, [id, misses]) => sum + (processes.has(id) ? 0 : misses), 0);
	return attribute(memory, weights, unknown, 0, policy);
}

/** Two attributions to the same rows. */
export function plus(a: Attribution, b: Attribution): Attribution {
	return {
		measured_uj: a.measured_uj + b.measured_uj,
		idle_uj: a.idle_uj + b.idle_uj,
		irq_uj: a.irq_uj + b.irq_uj,
		unattributed_uj: a.unattributed_uj + b.unattributed_uj,
		rows_uj: a.rows_uj.map((energy, index) => energy + (b.rows_uj[index] as number)),
	};
}
