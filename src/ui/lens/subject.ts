/** Lens: the name of a process, and whether it had exited at the moment shown. Pure. */

import type { Snapshot } from '../../core/snapshot.ts';
import type { SafeText } from '../../lib/sanitize.ts';
import type { ProcessId } from '../../system/process-id.ts';
import { energyOf, type Histories, isIt, newest, waitsOf } from './context.ts';

export interface Life {
	/** null: nothing that is kept has it. */
	name: SafeText | null;
	/** The snapshot that says so first; null: not that we know. */
	exit: Pick<Snapshot, 'time' | 'mono_ns' | 'dt_ns'> | null;
}

type EnergySnapshot = Histories['energy'][number];

/** Whether a snapshot says that the process is not there, rather than nothing about it. */
function saysGone({ pid }: ProcessId, { group, focus, rows }: EnergySnapshot): boolean {
	return focus?.pid === pid || (group === 'process' && rows.length > 0);
}

/** The energy tab lists every process that is alive or ended in the interval. */
function exitOf(process: ProcessId, history: Histories['energy']): Life['exit'] {
	let exit: Life['exit'] = null;
	let seen = false;
	for (let index = history.length - 1; index >= 0; index--) {
		const snapshot = history[index] as EnergySnapshot;
		const row = energyOf(process, snapshot);
		if (row && row.threads > 0) return exit;
		if (row) seen = true;
		if (seen && !row) break;
		if (row || saysGone(process, snapshot)) exit = snapshot;
	}
	return seen ? exit : null;
}

export function lifeOf(process: ProcessId, histories: Histories): Life {
	const name =
		newest(histories.energy, (snapshot) => energyOf(process, snapshot))?.row.comm ??
		newest(histories.runqlat, (snapshot) => waitsOf(process, snapshot))?.row.key.comm ??
		newest(histories.irq, ({ irq_time }) => irq_time.find((one) => isIt(process, one.pid, one.start_time)))?.row.comm;
	return { name: name ?? null, exit: exitOf(process, histories.energy) };
}

/** The snapshots up to an exit: the last figures that a process had. */
export function upTo<S extends Snapshot>(history: readonly S[], exit: NonNullable<Life['exit']>): readonly S[] {
	// the tabs are read one after the other
	const until = exit.mono_ns + exit.dt_ns / 2;
	const end = history.findLastIndex(({ mono_ns }) => mono_ns <= until);
	return end === history.length - 1 ? history : history.slice(0, end + 1);
}
