/**
 * Time that interrupts took from whoever had the CPU: the reader's side of `struct cpu_victims` in bpf/irq/irq.bpf.c. The
 * kernel gives a place to another process once its own was left alone for a whole interval, so a place is read at each
 * interval in which it was written and otherwise skipped.
 */

import type { BpfSession } from '../../bpf/bpf-session.ts';
import { irq_time_kind, maps, victim, victim_kind } from '../../generated/irq.ts';
import { viewOf } from '../../lib/decode.ts';
import { type SafeText, safe, sanitize } from '../../lib/sanitize.ts';
import type { Count, Ns } from '../../lib/units.ts';
import type { Cgroups } from '../../system/cgroups.ts';

/** The interrupted task: of a process, a kernel thread, or the idle task. */
export type Interrupted = 'process' | 'kernel' | 'idle';

/** One process, or one control group, that was interrupted in the interval. */
export interface IrqTime {
	interrupted: Interrupted | 'cgroup' | 'user' | 'command';
	/** 0 for idle CPUs and control groups. */
	pid: number;
	/** ns since boot; 0 for idle CPUs and control groups. */
	start_time: Ns;
	comm: SafeText;
	cgroup: SafeText;
	count: Count;
	/** Sum of the three that follow. */
	time_ns: Ns;
	hard_ns: Ns;
	soft_ns: Ns;
	vector_ns: Ns;
	count_total: Count;
	time_ns_total: Ns;
}

type Totals = Pick<IrqTime, 'count_total' | 'time_ns_total'>;

interface Before {
	tgid: number;
	start: Ns;
	count: Count;
	ns: [Ns, Ns, Ns];
}

/** Totals since start are kept for so many processes; those not seen for longest are forgotten first. */
const TOTALS_KEPT = 8192;

const KINDS = new Map<number, Interrupted>([
	[victim_kind.VICTIM_IDLE, 'idle'],
	[victim_kind.VICTIM_KERNEL, 'kernel'],
	[victim_kind.VICTIM_PROCESS, 'process'],
]);

const PLACES = maps.cpu_victims.value.size / victim.size;

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

	/** What was taken since the last read, most first. `ended` is the number of the interval that this read ends. */
	read(ended: number): { processes: IrqTime[]; cgroups: IrqTime[] } {
		this.cgroups.tick();
		this.bpf.object.readMapped(maps.cpu_victims.name, this.buffer);
		const view = viewOf(this.buffer);
		const found = new Map<string, IrqTime>();
		for (let place = 0; place < PLACES * this.bpf.possibleCpus; place++) {
			const at = place * victim.size;
			// one interval more than needed, for a CPU that was stopped (a virtual one may be) between stamp and sum
			if ((ended - view.getUint32(at, true)) << 0 > 1) continue;
			const now = victim.read(view, at);
			const interrupted = KINDS.get(now.kind);
			if (!interrupted) continue;
			const taken = this.difference(place, now.tgid, now.start, now.count, now.ns);
			if (taken.count <= 0) continue;
			// each CPU has an idle task of its own
			const key = interrupted === 'idle' ? 'idle' : `${now.tgid}:${now.start}`;
			let entry = found.get(key);
			if (!entry) {
				const idle = interrupted === 'idle';
				entry = {
					interrupted,
					pid: idle ? 0 : now.tgid,
					start_time: idle ? 0 : now.start,
					comm: nameOf(interrupted, sanitize(now.comm)),
					cgroup: idle ? safe`` : this.cgroups.path(now.cgroup),
					...nothing(),
				};
				found.set(key, entry);
			}
			entry.count += taken.count;
			entry.hard_ns += taken.ns[irq_time_kind.IRQ_TIME_HARD];
			entry.soft_ns += taken.ns[irq_time_kind.IRQ_TIME_SOFT];
			entry.vector_ns += taken.ns[irq_time_kind.IRQ_TIME_VECTOR];
		}
		for (const [key, entry] of found) this.addTotals(key, entry);
		const processes = [...found.values()].sort((a, b) => b.time_ns - a.time_ns);
		const cgroups = byCgroup(processes);
		for (const entry of cgroups) this.addTotals(`cgroup ${entry.comm}`, entry);
		return { processes, cgroups };
	}

	private difference(
		place: number,
		tgid: number,
		start: Ns,
		count: Count,
		ns: Float64Array,
	): Omit<Before, 'tgid' | 'start'> {
		let before = this.before.get(place);
		if (!before || before.tgid !== tgid || before.start !== start) {
			before = { tgid, start, count: 0, ns: [0, 0, 0] };
			this.before.set(place, before);
		}
		const [hard, soft, vector] = ns as unknown as [Ns, Ns, Ns];
		// given to another process under our eyes: its sums are of the next interval
		if (count < before.count) return { count: 0, ns: [0, 0, 0] };
		const taken: Omit<Before, 'tgid' | 'start'> = {
			count: count - before.count,
			ns: [hard - before.ns[0], soft - before.ns[1], vector - before.ns[2]],
		};
		before.count = count;
		before.ns = [hard, soft, vector];
		return taken;
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

function nothing() {
	return { count: 0, time_ns: 0, hard_ns: 0, soft_ns: 0, vector_ns: 0, count_total: 0, time_ns_total: 0 };
}

/** Sums by control group, without totals; idle CPUs stay what they are. */
function byCgroup(all: readonly IrqTime[]): IrqTime[] {
	const groups = new Map<SafeText, IrqTime>();
	for (const one of all) {
		if (one.interrupted === 'idle') {
			groups.set(safe`idle`, { ...one });
			continue;
		}
		let group = groups.get(one.cgroup);
		if (!group) {
			group = { interrupted: 'cgroup', pid: 0, start_time: 0, comm: one.cgroup, cgroup: one.cgroup, ...nothing() };
			groups.set(one.cgroup, group);
		}
		for (const field of ['count', 'time_ns', 'hard_ns', 'soft_ns', 'vector_ns'] as const) group[field] += one[field];
	}
	return [...groups.values()];
}
