/** Data of the lens's sections: the past of every tab, and one process in it. */

import type { Snapshot } from '../../core/snapshot.ts';
import { type ProcessId, sameStart } from '../../system/process-id.ts';
import { paint, type Span } from '../../term/theme.ts';
import type { EnergyExtra, EnergyRow } from '../../tracers/energy/snapshot.ts';
import type { EventRow, EventsExtra } from '../../tracers/events/snapshot.ts';
import type { IoExtra, IoRow } from '../../tracers/io/snapshot.ts';
import type { IrqExtra, IrqRow } from '../../tracers/irq/snapshot.ts';
import type { OverviewExtra, OverviewRow } from '../../tracers/overview/snapshot.ts';
import type { RunqlatExtra, RunqlatRow } from '../../tracers/runqlat/snapshot.ts';
import type { ChartOptions } from '../widgets/chart.ts';

/** Tabs that the lens shows figures of. */
export const lensTabs = [
	'energy',
	'runqlat',
	'irq',
	'io',
	'events',
	'overview',
] as const satisfies readonly (keyof Histories)[];

/** Oldest first, up to the moment shown, whose snapshot is whole. */
export interface Histories {
	energy: readonly Snapshot<EnergyRow, EnergyExtra>[];
	runqlat: readonly Snapshot<RunqlatRow, RunqlatExtra>[];
	irq: readonly Snapshot<IrqRow, IrqExtra>[];
	io: readonly Snapshot<IoRow, IoExtra>[];
	overview: readonly Snapshot<OverviewRow, OverviewExtra>[];
	events: readonly Snapshot<EventRow, EventsExtra>[];
}

export interface LensContext {
	process: ProcessId;
	histories: Histories;
	/** Bars of histograms. */
	logarithmic: boolean;
	/** Cells of the section. */
	width: number;
	/** The moment shown is in the past: figures that were not kept then are unknown. */
	past: boolean;
	/** The process does not exist any more: nothing further will be known. */
	exited: boolean;
	/** The screen has rows to spare. */
	tall: boolean;
	/** undefined: the drawing code has not been loaded yet. */
	chart: ((options: ChartOptions) => string[]) | undefined;
}

export interface Section {
	/** Its tab: opened from there, the section is first. */
	tab: keyof Histories | null;
	title: string;
	/** The most important figures, for one line. */
	figures?(context: LensContext): Span[];
	/** One figure over time, oldest first; NaN: unknown. */
	trend?(context: LensContext): number[];
	/** Empty: no details. */
	details(context: LensContext): string[];
}

/** Most intervals that a trend or chart needs. */
export const TREND = 300;

/** Whether figures are about this process. */
export function isSame({ pid, start }: ProcessId, otherPid: number, otherStart: number): boolean {
	return pid === otherPid && sameStart(start, otherStart);
}

export const dim = (text: string): string => paint('dim', text);

/** From the rows by process or, in other groupings, from the figures that the tracer keeps for the lens. */
export function energyOf(process: ProcessId, snapshot: Histories['energy'][number] | undefined): EnergyRow | undefined {
	const kept = snapshot?.focus?.process;
	if (kept && isSame(process, kept.pid, kept.start_time)) return kept;
	if (snapshot?.group !== 'process') return undefined;
	return snapshot.rows.find((row) => isSame(process, row.pid, row.start_time));
}

export function waitsOf(
	process: ProcessId,
	snapshot: Histories['runqlat'][number] | undefined,
): RunqlatRow | undefined {
	const kept = snapshot?.focus?.process;
	if (kept && isSame(process, kept.key.id, kept.key.start_time ?? 0)) return kept;
	if (snapshot?.group !== 'process') return undefined;
	return snapshot.rows.find(({ key }) => key.kind === 'process' && isSame(process, key.id, key.start_time ?? 0));
}

export function overviewOf(
	process: ProcessId,
	snapshot: Histories['overview'][number] | undefined,
): OverviewRow | undefined {
	const kept = snapshot?.focus;
	if (kept && isSame(process, kept.pid, kept.start_time)) return kept;
	if (snapshot?.group !== 'process') return undefined;
	return snapshot.rows.find((row) => isSame(process, row.pid, row.start_time));
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

/** In place of figures that a tab has only from the interval after the lens was opened. */
export function notYet({ past, exited }: Pick<LensContext, 'past' | 'exited'>): string {
	if (exited) return 'not known: it has exited';
	return past ? 'not recorded then' : 'from the next interval on';
}
