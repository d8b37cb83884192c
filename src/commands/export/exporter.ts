/** The contract of a format of `wattlag export`. */
import type { Snapshot } from '../../core/snapshot.ts';
import type { Description } from '../../core/tracer.ts';
import type { CpuSlice } from '../../export/trace-events.ts';
import type { Mark } from '../../history/store.ts';
import type { CommandLine } from '../../options/command.ts';
import type { RecordedMachine } from '../../recording/recordings.ts';

/** What a format gets. */
export interface ExportInput {
	machine: RecordedMachine;
	/** Tabs that the user wants and that were recorded, in the program's order. */
	tracers: readonly Description<object>[];
	/** Snapshots of these tabs in the order of recording. May be walked once. */
	snapshots: AsyncIterable<Snapshot>;
	marks: readonly Mark[];
	/** Turns of tasks on CPUs; only of the running machine. */
	slices: readonly CpuSlice[];
	line: CommandLine;
	/** Version of the program. */
	version: string;
}

/** Chunks of the file, in order. */
export type Exporter = (input: ExportInput) => AsyncIterable<string | Uint8Array>;
