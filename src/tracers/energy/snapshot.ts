/** What the energy tab says of one interval: a row for each process or group, and what belongs to none. */
import type { InTree } from '../../core/fold.ts';
import type { SafeText } from '../../lib/sanitize.ts';
import type { Count, MicroJoules, Ns, Watts } from '../../lib/units.ts';
import type { Forecast } from './forecast.ts';
import type { DomainEnergy } from './power/power.ts';

export interface EnergyRow extends InTree {
	/** Process id (tgid) in the initial pid namespace; 0: the row is a group of processes. */
	pid: number;
	/** Start of the process, ns since boot (CLOCK_BOOTTIME): with the pid it names a process for good. */
	start_time: Ns;
	/** In the view by thread. */
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
	/** Part of the energy measured in the interval, idle included; 0–1. */
	share: number;
	/** Threads alive; 0: the process has ended. */
	threads: Count;
	/** Processes in the group. */
	processes: Count;
	/** The energy of this interval was not measured: the zeros here are no figures. */
	unmeasured?: true;
	/** Beside, never inside, `energy_uj`; only on machines with a GPU. */
	gpu_uj?: MicroJoules;
	gpu_uj_total?: MicroJoules;
	/** Watts (share of a CPU where there are no watts) in the last intervals, oldest first; left out when all are 0. */
	history?: number[];
}

/** One GPU in one interval. Its energy is beside, never inside, `measured_uj`. */
export interface GpuUse {
	name: SafeText;
	/** null: it does not tell. */
	energy_uj: MicroJoules | null;
	/** Part that no process is known to have caused. */
	unattributed_uj: MicroJoules;
	/** Busy time of its processes; null: it does not tell. */
	busy_ns: Ns | null;
}

/** The next seconds as predicted. */
export interface EnergyForecastField extends Partial<Forecast> {
	seconds: number;
	/** Not enough has been seen yet: the other fields are missing. */
	learning: boolean;
}

/** One process looked at closely, whatever the rows stand for. */
export interface EnergyFocus {
	pid: number;
	/** null: it has not been seen yet. */
	process: EnergyRow | null;
	/** Its threads alive that have used CPU time, those that used most first, at most 100. */
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
	/** What is special about this interval. */
	marked: SafeText[];
	/** Time in interrupts. Their energy is in no row. */
	irq_ns: Ns;
	/** Part of it that is in the CPU time of rows too, as the kernel counts it for whom they interrupt. */
	irq_in_rows_ns: Ns;
	/** Every counter that was read, those outside of the total too. */
	domains: DomainEnergy[];
	/** Empty: no GPU. */
	gpus: GpuUse[];
	forecast: EnergyForecastField;
	/** Processes alive / ended in this interval. */
	alive: Count;
	ended: Count;
	/** null: nobody looks. */
	focus: EnergyFocus | null;
}
