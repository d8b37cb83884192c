/** Lens: the name of a process, its exit, and its past up to that. Pure. */

import type { Snapshot } from '../../core/snapshot.ts';
import type { SafeText } from '../../lib/sanitize.ts';
import { type ProcessId, processId } from '../../system/process-id.ts';
import { energyOf, type Histories, isSame, lensTabs, newest, waitsOf } from './context.ts';

export interface Subject {
	/** null: no snapshot has it. */
	name: SafeText | null;
	/** The first snapshot that shows the exit; null: none does. */
	exit: Pick<Snapshot, 'time' | 'mono_ns' | 'dt_ns'> | null;
}

type EnergySnapshot = Histories['energy'][number];

/** Whether the absence of the process from a snapshot means that it does not exist. */
function showsAbsence({ pid }: ProcessId, { group, focus, rows }: EnergySnapshot): boolean {
	return focus?.pid === pid || (group === 'process' && rows.length > 0);
}

/** From the energy tab, which lists every process that is alive or ended in the interval. */
function exitOf(process: ProcessId, history: Histories['energy']): Subject['exit'] {
	let exit: Subject['exit'] = null;
	let seen = false;
	for (let index = history.length - 1; index >= 0; index--) {
		const snapshot = history[index] as EnergySnapshot;
		const row = energyOf(process, snapshot);
		if (row && row.threads > 0) return exit;
		if (row) seen = true;
		if (seen && !row) break;
		if (row || showsAbsence(process, snapshot)) exit = snapshot;
	}
	return seen ? exit : null;
}

function nameOf(process: ProcessId, histories: Histories): SafeText | null {
	const name =
		newest(histories.energy, (snapshot) => energyOf(process, snapshot))?.row.comm ??
		newest(histories.runqlat, (snapshot) => waitsOf(process, snapshot))?.row.key.comm ??
		newest(histories.irq, ({ irq_time }) => irq_time.find((one) => isSame(process, one.pid, one.start_time)))?.row.comm;
	return name ?? null;
}

/** The snapshots up to an exit: the last figures of the process. */
function upTo<S extends Snapshot>(history: readonly S[], exit: NonNullable<Subject['exit']>): readonly S[] {
	// the tabs are read one after the other
	const until = exit.mono_ns + exit.dt_ns / 2;
	const end = history.findLastIndex(({ mono_ns }) => mono_ns <= until);
	return end === history.length - 1 ? history : history.slice(0, end + 1);
}

/** What later snapshots no longer have. */
export interface Seen {
	process: string;
	name: SafeText | null;
	/** By tab, the last snapshot while it was whole: older ones in a history have lost lists. */
	whole: ReadonlyMap<string, Snapshot>;
}

/**
 * The past of a process. One that has exited ends there, with its last snapshots whole if they were seen.
 * @param process `pid:start`
 * @param before `seen` of the previous call
 */
export function subjectOf(
	process: string,
	all: Histories,
	before: Seen | null,
): { subject: Subject; histories: Histories; seen: Seen } {
	const id = processId(process);
	const kept = before?.process === process ? before : null;
	const exit = exitOf(id, all.energy);
	// in time travel no snapshot may have the process yet
	const name = nameOf(id, all) ?? kept?.name ?? null;
	const whole = new Map(kept?.whole);
	const histories = Object.fromEntries(
		lensTabs.map((tab) => {
			const history = exit ? upTo<Snapshot>(all[tab], exit) : (all[tab] as readonly Snapshot[]);
			const last = history.at(-1);
			if (last && history.length === all[tab].length) whole.set(tab, last);
			const seen = whole.get(tab);
			return [tab, seen && last && seen.mono_ns === last.mono_ns ? [...history.slice(0, -1), seen] : history];
		}),
	) as unknown as Histories;
	return { subject: { name, exit }, histories, seen: { process, name, whole } };
}
