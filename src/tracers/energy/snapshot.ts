/** The energy tab's part of a snapshot: rows for processes or groups, and the energy that is in no row. */
import type { InTree } from '../../core/fold.ts';
import type { SafeText } from '../../lib/sanitize.ts';
import type { Count, MicroJoules, Ns, Watts } from '../../lib/units.ts';
import type { Forecast } from './forecast.ts';
import type { Bill, MachineField } from './machine-parts.ts';
import type { DomainEnergy } from './power/power.ts';
import type { RestField } from './rest/rest.ts';

export interface EnergyRow extends InTree {
	/** Process id (tgid) in the initial pid namespace; 0: the row is a group of processes. */
	pid: number;
	/** Start of the process, ns since boot (CLOCK_BOOTTIME): with the pid it identifies a process. */
	start_time: Ns;
	/** In the group `thread`. */
	tid?: number;
	/** Name of the process, thread or group. */
	comm: SafeText;
	cgroup: SafeText;
	/** Name of its effective user. */
	user: SafeText;
	cpu_ns: Ns;
	cpu_ns_total: Ns;
	energy_uj: MicroJoules;
	energy_uj_total: MicroJoules;
	watts: Watts;
	/** Share of the energy measured in the interval, including idle; 0–1. */
	share: number;
	/** Threads alive; 0: the process has ended. */
	threads: Count;
	/** Processes in the group. */
	processes: Count;
	/** The energy of this interval was not measured: the zeros here have no meaning. */
	unmeasured?: true;
	/** Idle periods of CPUs that ended with this process; only where they are counted. */
	wakes?: Count;
	/** Estimate of what those wake-ups cost beyond the work, part of the machine's energy; null: not known. */
	wake_uj?: MicroJoules | null;
	/** Not included in `energy_uj`; only on machines with a GPU. */
	gpu_uj?: MicroJoules;
	gpu_uj_total?: MicroJoules;
	/** Energy of disks and network by the bytes it moved, not included in `energy_uj`; only where that is known. */
	device_uj?: MicroJoules;
	device_uj_total?: MicroJoules;
	/** Watts (share of a CPU where there are no watts) in the last intervals, oldest first; left out when all are 0. */
	history?: readonly number[];
}

/** One GPU in one interval. Its energy is not included in `measured_uj`. */
export interface GpuUse {
	name: SafeText;
	/** null: not reported. */
	energy_uj: MicroJoules | null;
	/** Part without a known process. */
	unattributed_uj: MicroJoules;
	/** Busy time of its processes; null: not reported. */
	busy_ns: Ns | null;
}

/** The prediction for the next seconds. */
export interface EnergyForecastField extends Partial<Forecast> {
	seconds: number;
	/** Not enough data yet: the other fields are missing. */
	learning: boolean;
}

/** CPUs that are alike, and what a second of one costs beyond idle. */
export interface CpuClassField {
	name: SafeText;
	cpus: Count;
	/** CPU time of the class in the interval; null: not known. */
	busy_ns: Ns | null;
	/** µJ; null: not known. */
	second_uj: MicroJoules | null;
	/** `regression`: learned from the counter. `capacity`: in proportion to `cpu_capacity`. `mean`: all CPUs alike. */
	from: 'regression' | 'capacity' | 'mean';
	/** Standard error, and root mean square of what the regression leaves of the power, as parts; null: no regression. */
	error_share: number | null;
	residual_share: number | null;
}

/** Details of the process in focus, whatever the group of the rows. */
export interface EnergyFocus {
	pid: number;
	/** null: not seen yet. */
	process: EnergyRow | null;
	/** Its threads alive that have used CPU time, most first, at most 100. */
	threads: EnergyRow[];
}

/** Σ rows.energy_uj + idle_uj + irq_uj + unattributed_uj = measured_uj, always. */
export interface EnergyExtra {
	measured_uj: MicroJoules;
	idle_uj: MicroJoules;
	irq_uj: MicroJoules;
	unattributed_uj: MicroJoules;
	/** false: the energy of this interval is not known, and the figures above are 0 without meaning. */
	measured: boolean;
	/** Why this interval is special. */
	marked: SafeText[];
	/** Time in interrupts. Their energy is in no row. */
	irq_ns: Ns;
	/** Part of it that is in the CPU time of rows too, since the kernel charges it to the interrupted task. */
	irq_in_rows_ns: Ns;
	/** Every counter that was read, including those outside the total. */
	domains: DomainEnergy[];
	/** Empty: no GPU. */
	gpus: GpuUse[];
	forecast: EnergyForecastField;
	/** Processes alive / ended in this interval. */
	alive: Count;
	ended: Count;
	/** null: no process is in focus. */
	focus: EnergyFocus | null;
	/** Idle states, clock limits, throttling, and where they are counted the wake-ups by cause. Missing in old recordings. */
	rest?: RestField;
	/** Missing in old recordings. */
	classes?: CpuClassField[];
	/** The parts of the machine and what they add up to; missing in old recordings. */
	machine?: MachineField;
	/** null: neither --price nor --co2. */
	bill?: Bill | null;
}
