/**
 * The progress of processes against their own last minutes: sleeps that ended and CPU time per second. One that worked for
 * long and does much less now is reported if its threads are kept from working. One that rests (in a wait for events, time, a
 * child) is done, idle or has nothing to do: a batch job that ends, a daemon, cron.
 */
import type { SafeText } from '../../../lib/sanitize.ts';
import type { Count, Ns } from '../../../lib/units.ts';
import type { OverviewRow, TimePart } from '../snapshot.ts';

/** Reasons that keep a thread from work it has. */
const KEPT: readonly TimePart[] = [
	'IO',
	'memory',
	'futex',
	'semaphore',
	'file lock',
	'kernel lock',
	'quota',
	'runnable',
	'stopped',
];

/** A process that does much less than it did. */
export interface Slowed {
	pid: number;
	start_time: Ns;
	comm: SafeText;
	kind: 'slowed' | 'halted';
	/** Wake-ups per second, and share of a CPU, before and now. */
	before: { rate: number; cpu: number };
	now: { rate: number; cpu: number };
	/** What most of its threads' time goes to now, and that share, now and before. */
	part: TimePart;
	share: number;
	share_before: number;
	/** For how long, ns. */
	for_ns: Ns;
	/** Of one that has halted: the number of threads that worked, if all of them wait for a lock in a process that never rested; else 0. */
	stuck: Count;
}

export const limits = {
	/** Work that counts: wake-ups per second or share of a CPU. */
	rate: 20,
	cpu: 0.2,
	/** It has worked for so long, ns. */
	worked_ns: 12e9,
	/** Now at most this part of that. */
	left: 0.3,
	/** At least so long, ns. */
	slowed_ns: 4e9,
	halted_ns: 4e9,
	/** Part of its threads' time that is kept from work, and its growth. */
	kept: 0.5,
	growth: 0.2,
	/** Its growth where nothing is done: most threads of a runtime are helpers that wait all the time. */
	halted_growth: 0.03,
	/** Nearly nothing: wake-ups per second, share of a CPU. */
	nothing_rate: 1,
	nothing_cpu: 0.002,
} as const;

/** Time constant of the baseline, ns. */
const MEMORY: Ns = 60e9;
/** Processes whose progress is kept; the oldest go first. */
const MOST = 5000;
/** A baseline is forgotten after so long without work: what was a minute ago is no promise. */
const FORGET: Ns = 300e9;

interface Known {
	rate: number;
	cpu: number;
	kept: number;
	/** CPUs used or waited for. */
	wanted: number;
	worked_ns: Ns;
	low_ns: Ns;
	/** What little it did while it did less. */
	seen: number;
}

/** The sum of a row's time. */
const sumOf = (time: NonNullable<OverviewRow['time_ns']>): Ns => Object.values(time).reduce((sum, ns) => sum + ns, 0);

function keptOf(time: NonNullable<OverviewRow['time_ns']>): { part: TimePart; share: number; all: number } {
	const sum = sumOf(time);
	let [part, most, all]: [TimePart, number, number] = ['other', 0, 0];
	for (const one of KEPT) {
		const ns = time[one] ?? 0;
		all += ns;
		if (ns > most) [part, most] = [one, ns];
	}
	return { part, share: sum > 0 ? most / sum : 0, all: sum > 0 ? all / sum : 0 };
}

export type ProgressRow = Pick<OverviewRow, 'pid' | 'start_time' | 'comm' | 'cpu_ns' | 'wakeups' | 'time_ns'>;

/** @param for_ns since when it does nothing */
export type StuckOf = (process: Pick<ProgressRow, 'pid'>, for_ns: Ns) => Count;

export class Progress {
	private known = new Map<string, Known>();

	/**
	 * Takes the rows of one interval: every process that lives and has worked before.
	 * @param stuckOf of one that has halted: see {@link Slowed.stuck}
	 */
	update(rows: readonly ProgressRow[], dt_ns: Ns, stuckOf: StuckOf = () => 0): Slowed[] {
		const found: Slowed[] = [];
		const now = new Map<string, Known>();
		for (const row of rows) {
			if (!row.time_ns || row.wakeups === null || now.size >= MOST) continue;
			const key = `${row.pid}:${row.start_time}`;
			const rate = (row.wakeups * 1e9) / dt_ns;
			const cpu = (row.time_ns.cpu ?? 0) / dt_ns;
			const kept = keptOf(row.time_ns);
			const wanted = cpu + (row.time_ns.runnable ?? 0) / dt_ns;
			const works = rate >= limits.rate || cpu >= limits.cpu;
			const known =
				this.known.get(key) ??
				(works ? { rate, cpu, wanted, kept: kept.all, worked_ns: 0, low_ns: 0, seen: 0 } : undefined);
			if (!known) continue;
			const low = known.worked_ns >= limits.worked_ns && isLow({ rate, cpu }, known);
			if (!low) {
				known.low_ns = 0;
				known.worked_ns = works ? Math.min(MEMORY * 2, known.worked_ns + dt_ns) : Math.max(0, known.worked_ns - dt_ns);
				const weight = 1 - Math.exp(-dt_ns / Math.min(MEMORY, Math.max(dt_ns, known.worked_ns)));
				known.rate += (rate - known.rate) * weight;
				known.cpu += (cpu - known.cpu) * weight;
				known.wanted += (wanted - known.wanted) * weight;
				known.kept += (kept.all - known.kept) * weight;
			} else {
				known.low_ns += dt_ns;
				const slowed = judge(row, known, { rate, cpu }, kept, stuckOf);
				if (slowed) found.push(slowed);
			}
			if (known.low_ns < FORGET && known.worked_ns > 0) now.set(key, known);
		}
		this.known = now;
		return found;
	}

	/** Processes to be passed to {@link update} although they did nothing. */
	wants(pid: number, start: Ns): boolean {
		return this.known.has(`${pid}:${start}`);
	}
}

/** Less than a part of both of what it did, as far as it did that. */
function isLow(now: { rate: number; cpu: number }, { rate, cpu }: Known): boolean {
	const lessRate = rate < limits.rate || now.rate <= rate * limits.left;
	const lessCpu = cpu < limits.cpu || now.cpu <= cpu * limits.left;
	return (rate >= limits.rate || cpu >= limits.cpu) && lessRate && lessCpu;
}

function judge(
	row: ProgressRow,
	known: Known,
	now: { rate: number; cpu: number },
	{ part, share, all }: ReturnType<typeof keptOf>,
	stuckOf: StuckOf,
): Slowed | undefined {
	const nothing = now.rate <= limits.nothing_rate && now.cpu <= limits.nothing_cpu;
	const kind = nothing ? 'halted' : 'slowed';
	if (known.low_ns < (nothing ? limits.halted_ns : limits.slowed_ns)) return undefined;
	if (all < limits.kept) return undefined;
	const stuck = nothing ? stuckOf(row, known.low_ns) : 0;
	// those that are stuck may have waited for a CPU all the time before
	if (stuck === 0 && all - known.kept < (nothing ? limits.halted_growth : limits.growth)) return undefined;
	// threads of a pool wait for work in the same calls as for each other: only one that used a CPU, or waited for one, all the time stands out
	if (nothing && part !== 'stopped' && known.wanted < 0.5) return undefined;
	return {
		...{ pid: row.pid, start_time: row.start_time, comm: row.comm, kind, now, part, share },
		before: { rate: known.rate, cpu: known.cpu },
		share_before: known.kept,
		for_ns: known.low_ns,
		stuck,
	};
}
