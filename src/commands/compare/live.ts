/**
 * Two ways to count CPU time, over the same seconds: the kernel's own counters (`bpf`) and the traditional sampler of
 * `/proc` (`proc`). What each found, what it missed of what the other saw, how far both are from what the machine says
 * of itself, and what each cost. Pure: the readings are handed in, the result is plain data.
 */
import type { SafeText } from '../../lib/sanitize.ts';
import type { Count, MicroJoules, Ns } from '../../lib/units.ts';

const SIDES = ['bpf', 'proc'] as const;
export type SideName = (typeof SIDES)[number];

/** One process in one interval. The rows of both sources' snapshots have this. */
export interface ComparedProcess {
	pid: number;
	/** Start, ns since boot; either exact or rounded down to a clock tick. */
	start_time: Ns;
	comm: SafeText;
	cpu_ns: Ns;
	energy_uj: MicroJoules;
}

/** One interval of one side. */
export interface ComparedReading {
	/** All processes it saw, those without CPU time too: a process that is not listed counts as missed. */
	rows: readonly ComparedProcess[];
	/** CPU time it took to find this out: BPF programs, sampling, reading. */
	cost_ns: Ns;
}

/** The machine's own account of one interval, from `/proc/stat`. */
export interface ComparedMachine {
	seconds: number;
	/** Tasks and interrupts, all CPUs. */
	busy_ns: Ns;
	/** The interrupts' part of it: no process's time. */
	irq_ns: Ns;
}

/** What one side found over all intervals. */
export interface Side {
	/** With CPU time. */
	processes: Count;
	cpu_ns: Ns;
	energy_uj: MicroJoules;
	/** `cpu_ns` / the machine's busy time; null: it was not busy. */
	busy_share: number | null;
	/** Processes that had CPU time by the other side and were never seen by this one. */
	missed: { processes: Count; cpu_ns: Ns; energy_uj: MicroJoules };
	/** Processes that had CPU time by the other side and none by this one, which saw them. */
	silent: { processes: Count; cpu_ns: Ns };
	/** Smallest CPU time other than 0 that it gave a process in an interval: its grain, as found; null: none. */
	finest_ns: Ns | null;
	cost_ns: Ns;
	/** `cost_ns` as a part of one CPU; null: no time has passed. */
	cost_share: number | null;
}

/** One process over all intervals; null: that side never saw it. */
export interface ComparedRow {
	pid: number;
	start_time: Ns;
	comm: SafeText;
	bpf: { cpu_ns: Ns; energy_uj: MicroJoules } | null;
	proc: { cpu_ns: Ns; energy_uj: MicroJoules } | null;
	/** bpf − proc, with 0 for a side that never saw it. */
	difference_ns: Ns;
	difference_uj: MicroJoules;
}

export interface Comparison {
	schema: 1;
	seconds: number;
	machine: { busy_ns: Ns; irq_ns: Ns };
	bpf: Side;
	proc: Side;
	/** Processes with CPU time on either side, most first. */
	rows: ComparedRow[];
	/** Processes left out of `rows`, `missed` and `silent` because there were too many; the sums have them. */
	overflow: Count;
}

interface Use {
	cpu_ns: Ns;
	energy_uj: MicroJoules;
}

interface Known {
	pid: number;
	start_time: Ns;
	comm: SafeText;
	bpf: Use | null;
	proc: Use | null;
}

/** What a side's readings add up to. */
interface Sum extends Use {
	finest_ns: Ns | null;
	cost_ns: Ns;
}

/** A storm of short processes must not fill the memory. */
const MAX_PROCESSES = 100_000;

export class LiveComparison {
	private readonly tick: Ns;
	/** By pid and start. */
	private readonly processes = new Map<string, Known>();
	private readonly sums: Record<SideName, Sum> = {
		bpf: { cpu_ns: 0, energy_uj: 0, finest_ns: null, cost_ns: 0 },
		proc: { cpu_ns: 0, energy_uj: 0, finest_ns: null, cost_ns: 0 },
	};
	private seconds = 0;
	private busy_ns: Ns = 0;
	private irq_ns: Ns = 0;
	private overflow = 0;

	/** @param tick length of a clock tick: one side knows starts only as precisely as that */
	constructor(tick: Ns = 10e6) {
		this.tick = tick;
	}

	/** One interval of one side. The sides need not take turns, only cover the same time in the end. */
	add(side: SideName, { rows, cost_ns }: ComparedReading): void {
		const sum = this.sums[side];
		sum.cost_ns += cost_ns;
		for (const row of rows) {
			sum.cpu_ns += row.cpu_ns;
			sum.energy_uj += row.energy_uj;
			if (row.cpu_ns > 0 && !(sum.finest_ns !== null && sum.finest_ns <= row.cpu_ns)) sum.finest_ns = row.cpu_ns;
			const known = this.know(row);
			if (known === undefined) continue;
			known[side] ??= { cpu_ns: 0, energy_uj: 0 };
			known[side].cpu_ns += row.cpu_ns;
			known[side].energy_uj += row.energy_uj;
			// the name it has now, the exact start if one side has it
			known.comm = row.comm;
			known.start_time = Math.max(known.start_time, row.start_time);
		}
	}

	/** The machine's account of an interval that both sides cover. */
	addMachine({ seconds, busy_ns, irq_ns }: ComparedMachine): void {
		this.seconds += seconds;
		this.busy_ns += busy_ns;
		this.irq_ns += irq_ns;
	}

	/** Everything so far. */
	result(): Comparison {
		const all = [...this.processes.values()];
		const rows = all
			.filter(({ bpf, proc }) => (bpf?.cpu_ns ?? 0) > 0 || (proc?.cpu_ns ?? 0) > 0)
			.map((known) => ({
				...known,
				bpf: known.bpf && { ...known.bpf },
				proc: known.proc && { ...known.proc },
				difference_ns: (known.bpf?.cpu_ns ?? 0) - (known.proc?.cpu_ns ?? 0),
				difference_uj: (known.bpf?.energy_uj ?? 0) - (known.proc?.energy_uj ?? 0),
			}));
		const most = ({ bpf, proc }: ComparedRow) => Math.max(bpf?.cpu_ns ?? 0, proc?.cpu_ns ?? 0);
		rows.sort((a, b) => most(b) - most(a) || a.pid - b.pid);
		return {
			schema: 1,
			seconds: this.seconds,
			machine: { busy_ns: this.busy_ns, irq_ns: this.irq_ns },
			bpf: this.side(rows, 'bpf', 'proc'),
			proc: this.side(rows, 'proc', 'bpf'),
			rows,
			overflow: this.overflow,
		};
	}

	private side(rows: readonly ComparedRow[], own: SideName, other: SideName): Side {
		const sum = this.sums[own];
		const side: Side = {
			processes: 0,
			...sum,
			busy_share: this.busy_ns > 0 ? sum.cpu_ns / this.busy_ns : null,
			missed: { processes: 0, cpu_ns: 0, energy_uj: 0 },
			silent: { processes: 0, cpu_ns: 0 },
			cost_share: this.seconds > 0 ? sum.cost_ns / (this.seconds * 1e9) : null,
		};
		for (const row of rows) {
			const seen = row[own];
			const theirs = row[other];
			if (seen && seen.cpu_ns > 0) {
				side.processes++;
			} else if (theirs && seen) {
				side.silent.processes++;
				side.silent.cpu_ns += theirs.cpu_ns;
			} else if (theirs) {
				side.missed.processes++;
				side.missed.cpu_ns += theirs.cpu_ns;
				side.missed.energy_uj += theirs.energy_uj;
			}
		}
		return side;
	}

	private know(row: ComparedProcess): Known | undefined {
		// both sides round down to the same tick: no tolerance is needed
		const key = `${row.pid}:${Math.floor(row.start_time / this.tick)}`;
		let known = this.processes.get(key);
		if (known === undefined) {
			if (this.processes.size >= MAX_PROCESSES) {
				this.overflow++;
				return undefined;
			}
			known = { pid: row.pid, start_time: row.start_time, comm: row.comm, bpf: null, proc: null };
			this.processes.set(key, known);
		}
		return known;
	}
}
