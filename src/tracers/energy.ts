import type { SafeText } from '../sanitize.ts';
import type { Count, MicroJoules, Ns, Watts } from '../units.ts';

export interface EnergyRow {
	/** Process id (tgid) in the initial pid namespace. */
	pid: number;
	/** Start of the process, ns since boot (CLOCK_BOOTTIME): with the pid it names a process for good. */
	start_time: Ns;
	comm: SafeText;
	cgroup: SafeText;
	cpu_ns: Ns;
	cpu_ns_total: Ns;
	energy_uj: MicroJoules;
	energy_uj_total: MicroJoules;
	watts: Watts;
	/** Threads alive; 0: the process has ended. */
	threads: Count;
}

/** Σ rows.energy_uj + idle_uj + irq_uj + unattributed_uj = measured_uj, always. */
export interface EnergyExtra {
	measured_uj: MicroJoules;
	idle_uj: MicroJoules;
	irq_uj: MicroJoules;
	unattributed_uj: MicroJoules;
	/** Processes alive / ended in this interval. */
	alive: Count;
	ended: Count;
}
