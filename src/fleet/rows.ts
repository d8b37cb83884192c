/** A row of the fleet: one host, or the hosts of one label's value. Figures that are not known are null. */
import { type SafeText, safe } from '../lib/sanitize.ts';
import type { Count, Ns, Watts } from '../lib/units.ts';

export type Severity = 0 | 1 | 2 | 3;

export interface FleetRow {
	/** Name of the host, or of the group. */
	host: SafeText;
	/** Identity in the source of the figures. */
	instance: SafeText;
	/** Labels of the target, for groups. */
	labels: Readonly<Record<string, SafeText>>;
	/** Hosts in the group; 1: a host. */
	hosts: Count;
	/** `wattlag`, or `node` where only node_exporter's figures are there; `–`: none. */
	from: SafeText;
	/** Can it be reached? */
	up: boolean;
	/** What is wrong with it, where it cannot be reached. */
	state: SafeText;
	/** Of the worst finding: 0 none, 1 notice, 2 high, 3 severe. */
	severity: Severity;
	finding: SafeText;
	/** How long it has lasted, s. */
	since_s: number | null;
	/** CPUs in use. */
	cpu: number | null;
	watts: Watts | null;
	/** Uncertainty of the watts as a share. */
	watts_error: number | null;
	wait_p99_ns: Ns | null;
	io_p99_ns: Ns | null;
	/** Interrupts, in CPUs. */
	irq: number | null;
	/** Packets dropped per second. */
	drops: number | null;
	/** Kernel events per second. */
	events: number | null;
	/** Lost events per second. */
	lost: number | null;
	/** Age of the figures, s. */
	age_s: number | null;
	/** Distance from its peers in robust standard deviations, of the figure that is furthest; null: no peers. */
	out: number | null;
	/** That figure. */
	out_by: SafeText;
}

/** A host of which nothing is known yet. */
export function emptyRow(host: SafeText, instance: SafeText = host): FleetRow {
	return {
		host,
		instance,
		labels: {},
		hosts: 1,
		from: safe`–`,
		up: false,
		state: safe``,
		severity: 0,
		finding: safe``,
		since_s: null,
		cpu: null,
		watts: null,
		watts_error: null,
		wait_p99_ns: null,
		io_p99_ns: null,
		irq: null,
		drops: null,
		events: null,
		lost: null,
		age_s: null,
		out: null,
		out_by: safe``,
	};
}
