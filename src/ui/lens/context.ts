/** What the sections of the lens draw from: the past of every tab, and one process in it. */

import type { Snapshot } from '../../core/snapshot.ts';
import { type ProcessId, sameStart } from '../../system/process-id.ts';
import { paint, type Span } from '../../term/theme.ts';
import type { EnergyExtra, EnergyRow } from '../../tracers/energy/snapshot.ts';
import type { IoExtra, IoRow } from '../../tracers/io/snapshot.ts';
import type { IrqExtra, IrqRow } from '../../tracers/irq/snapshot.ts';
import type { RunqlatExtra, RunqlatRow } from '../../tracers/runqlat/snapshot.ts';
import type { ChartOptions } from '../widgets/chart.ts';

/** Oldest first, up to the moment shown, which is whole. */
export interface Histories {
	energy: readonly Snapshot<EnergyRow, EnergyExtra>[];
	runqlat: readonly Snapshot<RunqlatRow, RunqlatExtra>[];
	irq: readonly Snapshot<IrqRow, IrqExtra>[];
	io: readonly Snapshot<IoRow, IoExtra>[];
}

export interface Look {
	process: ProcessId;
	histories: Histories;
	/** Bars of histograms. */
	logarithmic: boolean;
	/** Cells of the section. */
	width: number;
	/** The moment shown lies in the past: what was not kept then is not known. */
	past: boolean;
	/** There are rows to spare. */
	tall: boolean;
	/** undefined: the drawing code has not been loaded yet. */
	chart: ((options: ChartOptions) => string[]) | undefined;
}

export interface Section {
	/** Tab that it is about: coming from there, it is first. */
	tab: keyof Histories | null;
	title: string;
	/** The most important figures, for one line. */
	figures?(look: Look): Span[];
	/** One figure over time, oldest first; NaN where it is not known. */
	trend?(look: Look): number[];
	/** Empty: nothing to say. */
	details(look: Look): string[];
}

/** Intervals that a trend or chart needs at most. */
export const TREND = 300;

/** Whether figures are about this process. */
export function isIt({ pid, start }: ProcessId, otherPid: number, otherStart: number): boolean {
	return pid === otherPid && sameStart(start, otherStart);
}

export const dim = (text: string): string => paint('dim', text);

/** Has its figures by process or, whatever the rows stand for, those kept since somebody looks. */
export function energyOf(process: ProcessId, snapshot: Histories['energy'][number] | undefined): EnergyRow | undefined {
	const kept = snapshot?.focus?.process;
	if (kept && isIt(process, kept.pid, kept.start_time)) return kept;
	if (snapshot?.group !== 'process') return undefined;
	return snapshot.rows.find((row) => isIt(process, row.pid, row.start_time));
}

export function waitsOf(
	process: ProcessId,
	snapshot: Histories['runqlat'][number] | undefined,
): RunqlatRow | undefined {
	const kept = snapshot?.focus?.process;
	if (kept && isIt(process, kept.key.id, kept.key.start_time ?? 0)) return kept;
	if (snapshot?.group !== 'process') return undefined;
	return snapshot.rows.find(({ key }) => key.kind === 'process' && isIt(process, key.id, key.start_time ?? 0));
}

/** The newest of some snapshots that has the process. */
export function newest<S, Row>(
	history: readonly S[],
	find: (snapshot: S) => Row | undefined,
): { row: Row; snapshot: S; now: boolean } | undefined {
	for (let index = history.length - 1; index >= 0; index--) {
		const snapshot = history[index] as S;
		const row = find(snapshot);
		if (row !== undefined) return { row, snapshot, now: index === history.length - 1 };
	}
	return undefined;
}
