/**
 * Time in interrupts by the task that had the CPU: the user-space side of `struct cpu_victims` (bpf/irq/victims.bpf.h).
 * The kernel reuses an entry for another process once the entry was left alone for a whole interval. So an entry is read
 * in each interval in which it was written, and skipped otherwise.
 */

import type { BpfSession } from '../../bpf/bpf-session.ts';
import { irq_time_kind, maps, victim, victim_kind } from '../../generated/irq.ts';
import { viewOf } from '../../lib/decode.ts';
import { type SafeText, safe, sanitize } from '../../lib/sanitize.ts';
import type { Count, Ns } from '../../lib/units.ts';
import type { Cgroups } from '../../system/cgroups.ts';
import type { Interrupted, IrqTime } from './snapshot.ts';

type Totals = Pick<IrqTime, 'count_total' | 'time_ns_total'>;

/** Sums of one entry of one CPU; `ns`: hard, soft, vector. */
interface Sums {
	count: Count;
	ns: [Ns, Ns, Ns];
}

interface Before extends Sums {
	tgid: number;
	start: Ns;
}

/** Processes whose totals since start are kept; the least recently interrupted is dropped first. */
const TOTALS_KEPT = 8192;

const KINDS = new Map<number, Interrupted>([
	[victim_kind.VICTIM_IDLE, 'idle'],
	[victim_kind.VICTIM_KERNEL, 'kernel'],
	[victim_kind.VICTIM_PROCESS, 'process'],
]);

const ENTRIES_PER_CPU = maps.cpu_victims.value.size / victim.size;

function nameOf(kind: Interrupted, comm: SafeText): SafeText {
	if (kind === 'idle') return safe`idle`;
	return kind === 'kernel' ? safe`[${comm}]` : comm;
}

export class IrqTimeReader {
	private readonly bpf: BpfSession;
	private readonly cgroups: Cgroups;
	private readonly buffer: Uint8Array;
	private readonly before = new Map<number, Before>();
	private readonly totals = new Map<string, Totals>();

	constructor(bpf: BpfSession, cgroups: Cgroups) {
		this.bpf = bpf;
		this.cgroups = cgroups;
		this.buffer = new Uint8Array(maps.cpu_victims.value.size * bpf.possibleCpus);
	}

	/**
	 * IRQ time since the last read by process, most first; the idle CPUs are one entry.
	 * @param ended number of the interval that this read ends
	 */
	read(ended: number): IrqTime[] {
		this.bpf.object.readMapped(maps.cpu_victims.name, this.buffer);
		const view = viewOf(this.buffer);
		const found = new Map<string, IrqTime>();
		for (let index = 0; index < ENTRIES_PER_CPU * this.bpf.possibleCpus; index++) {
			const at = index * victim.size;
			// one interval more than needed, for a CPU that was stopped (a virtual one may be) between stamp and sum
			if ((ended - view.getUint32(at, true)) << 0 > 1) continue;
			const now = victim.read(view, at);
			const interrupted = KINDS.get(now.kind);
			if (!interrupted) continue;
			const idle = interrupted === 'idle';
			const { count, ns } = this.difference(index, now.tgid, now.start, now.count, now.ns);
			if (count <= 0) continue;
			// each CPU has its own idle task
			const key = idle ? 'idle' : `${now.tgid}:${now.start}`;
			let entry = found.get(key);
			if (!entry) {
				entry = {
					interrupted,
					pid: idle ? 0 : now.tgid,
					start_time: idle ? 0 : now.start,
					comm: nameOf(interrupted, sanitize(now.comm)),
					cgroup: idle ? safe`` : this.cgroups.path(now.cgroup),
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
			entry.hard_ns += ns[irq_time_kind.IRQ_TIME_HARD];
			entry.soft_ns += ns[irq_time_kind.IRQ_TIME_SOFT];
			entry.vector_ns += ns[irq_time_kind.IRQ_TIME_VECTOR];
		}
		for (const [key, entry] of found) this.addTotals(key, entry);
		return [...found.values()].sort((a, b) => b.time_ns - a.time_ns);
	}

	private difference(index: number, tgid: number, start: Ns, count: Count, ns: Float64Array): Sums {
		let before = this.before.get(index);
		if (!before || before.tgid !== tgid || before.start !== start) {
			before = { tgid, start, count: 0, ns: [0, 0, 0] };
			this.before.set(index, before);
		}
		const [hard, soft, vector] = ns as unknown as [Ns, Ns, Ns];
		// the kernel reused the entry during this read: its sums belong to the next interval
		if (count < before.count) return { count: 0, ns: [0, 0, 0] };
		const added: Sums = {
			count: count - before.count,
			ns: [hard - before.ns[0], soft - before.ns[1], vector - before.ns[2]],
		};
		before.count = count;
		before.ns = [hard, soft, vector];
		return added;
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
