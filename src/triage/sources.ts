/** The tabs that the overview is made of, by id. */
import type { SafeText } from '../sanitize.ts';
import type { Snapshot } from '../snapshot.ts';
import type { EnergyExtra, EnergyRow } from '../tracers/energy.ts';
import type { IoExtra, IoRow } from '../tracers/io.ts';
import type { IrqExtra, IrqRow } from '../tracers/irq.ts';
import type { RunqlatExtra, RunqlatRow } from '../tracers/runqlat.ts';
import type { Tick } from '../tracers/tracer.ts';
import type { Bytes, Count, Ns } from '../units.ts';

/** Block IO of one process, where the tab tells. */
export interface ProcessIo {
	pid: number;
	/** 0: not known. */
	start_time: Ns;
	comm: SafeText;
	cgroup: SafeText;
	count: Count;
	bytes_read: Bytes;
	bytes_written: Bytes;
	p99_ns: Ns;
}

/** What one tick brought; a tab that does not work here is missing. Rows of `energy` and `runqlat` are processes. */
export interface Sources {
	energy?: Snapshot<EnergyRow, EnergyExtra>;
	runqlat?: Snapshot<RunqlatRow, RunqlatExtra>;
	irq?: Snapshot<IrqRow, IrqExtra>;
	/** `stacked`: the device passes bios on, and rows of the devices below have them again. */
	io?: Snapshot<IoRow & { stacked?: boolean }, IoExtra & { processes?: readonly ProcessIo[] }>;
}

/** The IO tab lists so many processes at most. */
export const IO_LISTED = 1000;

export const sourceTabs = ['energy', 'runqlat', 'irq', 'io'] as const satisfies readonly (keyof Sources)[];
export type SourceTab = (typeof sourceTabs)[number];

/** The snapshots by tab: each id's type is that of its tracer, which the registry holds. */
export function sourcesOf(tick: Tick): Sources {
	return Object.fromEntries(
		sourceTabs.flatMap((id) => {
			const snapshot = tick.get(id);
			return snapshot ? [[id, snapshot]] : [];
		}),
	);
}
