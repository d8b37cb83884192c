/** Time in interrupts by the task that had the CPU: the user-space side of bpf/irq/victims.bpf.h. */

import type { GroupNames } from '../../bpf/cgroups.ts';
import type { KeyedStore } from '../../bpf/keyed-store.ts';
import { irq_time_kind, type victim, victim_key, victim_kind } from '../../generated/irq.ts';
import { type SafeText, safe, sanitize } from '../../lib/sanitize.ts';
import type { Count, Ns } from '../../lib/units.ts';
import type { Interrupted, IrqTime } from './snapshot.ts';

type Totals = Pick<IrqTime, 'count_total' | 'time_ns_total'>;

/** Processes whose totals since start are kept; the least recently interrupted is dropped first. */
const TOTALS_KEPT = 8192;

const KINDS = new Map<number, Interrupted>([
	[victim_kind.VICTIM_IDLE, 'idle'],
	[victim_kind.VICTIM_KERNEL, 'kernel'],
	[victim_kind.VICTIM_PROCESS, 'process'],
]);

function nameOf(kind: Interrupted, comm: SafeText): SafeText {
	if (kind === 'idle') return safe`idle`;
	return kind === 'kernel' ? safe`[${comm}]` : comm;
}

export class IrqTimeReader {
	private readonly store: KeyedStore<victim>;
	private readonly cgroups: GroupNames;
	private readonly totals = new Map<string, Totals>();

	constructor(store: KeyedStore<victim>, cgroups: GroupNames) {
		this.store = store;
		this.cgroups = cgroups;
	}

	/** Interrupts of processes without room. */
	get full(): Count {
		return this.store.full;
	}

	/**
	 * IRQ time since the last read by process, most first; the idle CPUs are one entry.
	 * @param ended number of the interval that this read ends
	 */
	read(ended: number): IrqTime[] {
		const found = new Map<string, IrqTime>();
		for (const { claim, value: now } of this.store.changed(ended)) {
			const kind = Math.floor(claim.a / 2 ** victim_key.VICTIM_KIND_SHIFT);
			const interrupted = KINDS.get(kind);
			if (!interrupted) continue;
			const tgid = claim.a % 2 ** victim_key.VICTIM_KIND_SHIFT;
			const idle = interrupted === 'idle';
			const count = claim.grown('count', now.count);
			const hard = claim.grown('hard', now.ns[irq_time_kind.IRQ_TIME_HARD] as Ns);
			const soft = claim.grown('soft', now.ns[irq_time_kind.IRQ_TIME_SOFT] as Ns);
			const vector = claim.grown('vector', now.ns[irq_time_kind.IRQ_TIME_VECTOR] as Ns);
			if (count <= 0) continue;
			// each CPU has its own idle task
			const key = idle ? 'idle' : `${tgid}:${claim.b}`;
			let entry = found.get(key);
			if (!entry) {
				entry = {
					interrupted,
					pid: idle ? 0 : tgid,
					start_time: idle ? 0 : claim.b,
					comm: nameOf(interrupted, sanitize(now.comm)),
					cgroup: idle ? safe`` : this.cgroups.pathOf(now.cgroup, { pid: tgid, start: claim.b }),
					count: 0,
					time_ns: 0,
					hard_ns: 0,
					soft_ns: 0,
					vector_ns: 0,
					count_total: 0,
					time_ns_total: 0,
				};
				found.set(key, entry);
			}
			entry.count += count;
			entry.hard_ns += hard;
			entry.soft_ns += soft;
			entry.vector_ns += vector;
		}
		for (const [key, entry] of found) this.addTotals(key, entry);
		return [...found.values()].sort((a, b) => b.time_ns - a.time_ns);
	}

	private addTotals(key: string, entry: IrqTime): void {
		entry.time_ns = entry.hard_ns + entry.soft_ns + entry.vector_ns;
		const totals = this.totals.get(key) ?? { count_total: 0, time_ns_total: 0 };
		totals.count_total += entry.count;
		totals.time_ns_total += entry.time_ns;
		entry.count_total = totals.count_total;
		entry.time_ns_total = totals.time_ns_total;
		this.totals.delete(key);
		this.totals.set(key, totals);
		if (this.totals.size > TOTALS_KEPT) this.totals.delete(this.totals.keys().next().value as string);
	}
}
