/** What is known of something that waits: a process, a thread, a control group, a pid namespace. */
import { waits_layout } from '../../generated/runqlat.ts';
import { slotCount } from '../../lib/histogram.ts';
import type { SafeText } from '../../lib/sanitize.ts';
import type { TaskName } from '../../lib/task-names.ts';
import type { Count, Ns } from '../../lib/units.ts';
import { Waits } from './waits.ts';

export const PROCESS_SLOTS = slotCount(waits_layout.PROCESS_SUB_BITS);

/** Voluntary and involuntary switches. */
export interface Switches {
	voluntary: Count;
	involuntary: Count;
}

export interface Account {
	/** pid, tid, cgroup, namespace. */
	readonly id: number;
	/** Of a task; 0 for groups. */
	readonly start: Ns;
	/** Process of a thread, and its start. */
	readonly pid: number;
	readonly processStart: Ns;
	comm: SafeText;
	/** `comm` is its text, where its bytes are known. */
	name: TaskName | undefined;
	readonly waits: Waits;
	readonly switches: Switches;
	readonly switchesTotal: Switches;
	/** Idle periods of CPUs that it ended in the interval. */
	wakes: Count;
	/** Number of the filter under which it last waited. */
	generation: number;
	ended: boolean;
	/** Number of the last read that found it. */
	read: number;
}

/** A class, since an object that is put together from another one keeps some of its properties in a second one. */
export class OwnAccount implements Account {
	readonly id: number;
	readonly start: Ns;
	readonly pid: number;
	readonly processStart: Ns;
	comm: SafeText;
	name: TaskName | undefined = undefined;
	readonly waits = new Waits(PROCESS_SLOTS);
	readonly switches: Switches = { voluntary: 0, involuntary: 0 };
	readonly switchesTotal: Switches = { voluntary: 0, involuntary: 0 };
	wakes: Count = 0;
	generation = 0;
	ended = false;
	read = 0;

	constructor(id: number, start: Ns, pid: number, comm: SafeText, processStart = start) {
		this.id = id;
		this.start = start;
		this.pid = pid;
		this.processStart = processStart;
		this.comm = comm;
	}
}

export function account(id: number, start: Ns, pid: number, comm: SafeText, processStart = start): Account {
	return new OwnAccount(id, start, pid, comm, processStart);
}

/** Add to an account's switches, of the interval and since start. */
export function addSwitches({ switches, switchesTotal }: Account, voluntary: Count, involuntary: Count): void {
	switches.voluntary += voluntary;
	switches.involuntary += involuntary;
	switchesTotal.voluntary += voluntary;
	switchesTotal.involuntary += involuntary;
}
