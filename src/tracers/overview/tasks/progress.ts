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
	/** 0: a service of several processes. */
	pid: number;
	start_time: Ns;
	comm: SafeText;
	kind: 'slowed' | 'halted';
	/** What it does less of. */
	less: keyof typeof low;
	before: Work;
	now: Work;
	/** What keeps it from work more than before; that share of its threads' time now, and all that kept it from work before. */
	part: TimePart;
	share: number;
	share_before: number;
	/** For how long, ns. */
	for_ns: Ns;
	/** Of one that has halted: the number of threads that worked, if all of them wait for a lock in a process that never rested; else 0. */
	stuck: Count;
	/** What `before` is known by: its last minutes, or only its whole life. */
	by: 'minutes' | 'life';
}

/** Work per second; null: not known, or it has none. */
export interface Work {
	/** Wake-ups. */
	rate: number;
	/** Share of a CPU. */
	cpu: number;
	/** Block requests, and their bytes. */
	requests: number | null;
	bytes: number | null;
	/** Segments of TCP. */
	packets: number | null;
}

export const limits = {
	/** Work that counts: wake-ups per second or share of a CPU. */
	rate: 20,
	cpu: 0.2,
	/** Block requests and packets per second that count as work. */
	requests: 20,
	packets: 50,
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

/** Reasons of waits that end with a block request, or keep from beginning one. */
const OF_REQUESTS: ReadonlySet<TimePart> = new Set(['IO', 'memory', 'kernel lock', 'quota', 'runnable', 'stopped']);

type Shares = Partial<Record<TimePart, number>>;

interface Known extends Work {
	/** Share of the threads' time that is kept from work, and that of each reason. */
	kept: number;
	shares: Shares;
	/** CPUs used or waited for. */
	wanted: number;
	worked_ns: Ns;
	low_ns: Ns;
	/** Meanwhile it was kept from work, for so long. */
	kept_ns: Ns;
	/** What little it did while it did less. */
	seen: number;
}

/** The sum of a row's time. */
const sumOf = (time: NonNullable<OverviewRow['time_ns']>): Ns => Object.values(time).reduce((sum, ns) => sum + ns, 0);

/** Shares of the time that is kept from work, by reason, and their sum. */
function keptOf(time: NonNullable<OverviewRow['time_ns']>): { shares: Shares; all: number } {
	const sum = sumOf(time);
	const shares: Shares = {};
	let all = 0;
	for (const one of KEPT) {
		const share = sum > 0 ? (time[one] ?? 0) / sum : 0;
		if (share > 0) shares[one] = share;
		all += share;
	}
	return { shares, all };
}

/** The reason that has grown most: helper threads wait for locks all the time. */
function grownPart(shares: Shares, before: Shares): { part: TimePart; share: number } {
	let [part, most]: [TimePart, number] = ['other', Number.NEGATIVE_INFINITY];
	for (const [one, share] of Object.entries(shares) as [TimePart, number][]) {
		const growth = share - (before[one] ?? 0);
		if (growth > most) [part, most] = [one, growth];
	}
	return { part, share: shares[part] ?? 0 };
}

export type ProgressRow = Pick<OverviewRow, 'pid' | 'start_time' | 'comm' | 'wakeups' | 'time_ns'> &
	Partial<Pick<OverviewRow, 'io_count' | 'io_bytes'>> & {
		/** Per second; absent or null: not known. */
		packets?: number | null;
	};

/** @param for_ns since when it does nothing */
export type StuckOf = (process: Pick<ProgressRow, 'pid'>, for_ns: Ns) => Count;

/** Identity of a row: services have their name. */
const keyOf = ({ pid, start_time, comm }: ProgressRow): string => (pid > 0 ? `${pid}:${start_time}` : comm);

function workOf({ wakeups, time_ns, io_count, io_bytes, packets }: ProgressRow, dt_ns: Ns): Work {
	const per = (value: number | null | undefined) => (value == null ? null : (value * 1e9) / dt_ns);
	return {
		rate: per(wakeups) ?? 0,
		cpu: (time_ns?.cpu ?? 0) / dt_ns,
		requests: per(io_count),
		bytes: per(io_bytes),
		packets: packets ?? null,
	};
}

/** The mean so far, moved towards a new value. */
function towards(mean: number | null, value: number | null, weight: number): number | null {
	return value === null ? mean : mean === null ? value : mean + (value - mean) * weight;
}

export class Progress {
	private known = new Map<string, Known>();
	private pids: ReadonlySet<number> = new Set();

	/**
	 * Takes the rows of one interval: every process that lives and has worked before.
	 * @param stuckOf of one that has halted: see {@link Slowed.stuck}
	 */
	update(rows: readonly ProgressRow[], dt_ns: Ns, stuckOf: StuckOf = () => 0): Slowed[] {
		const found: Slowed[] = [];
		const next = new Map<string, Known>();
		const pids = new Set<number>();
		for (const row of rows) {
			if (!row.time_ns || row.wakeups === null || next.size >= MOST) continue;
			const now = workOf(row, dt_ns);
			const works = doesWork(now);
			if (!works && !this.pids.has(row.pid)) continue;
			const key = keyOf(row);
			const kept = keptOf(row.time_ns);
			const wanted = now.cpu + (row.time_ns.runnable ?? 0) / dt_ns;
			const known =
				this.known.get(key) ??
				(works
					? { ...now, wanted, kept: kept.all, shares: kept.shares, worked_ns: 0, low_ns: 0, kept_ns: 0, seen: 0 }
					: undefined);
			if (!known) continue;
			const less = known.worked_ns >= limits.worked_ns ? lessOf(now, known) : undefined;
			if (less === undefined) {
				known.low_ns = 0;
				known.kept_ns = 0;
				known.worked_ns = works ? Math.min(MEMORY * 2, known.worked_ns + dt_ns) : Math.max(0, known.worked_ns - dt_ns);
				const weight = 1 - Math.exp(-dt_ns / Math.min(MEMORY, Math.max(dt_ns, known.worked_ns)));
				known.rate += (now.rate - known.rate) * weight;
				known.cpu += (now.cpu - known.cpu) * weight;
				known.requests = towards(known.requests, now.requests, weight);
				known.bytes = towards(known.bytes, now.bytes, weight);
				known.packets = towards(known.packets, now.packets, weight);
				known.wanted += (wanted - known.wanted) * weight;
				known.kept += (kept.all - known.kept) * weight;
				for (const part of KEPT)
					known.shares[part] = towards(known.shares[part] ?? 0, kept.shares[part] ?? 0, weight) ?? 0;
			} else {
				known.low_ns += dt_ns;
				const slowed = judge(row, known, { now, less }, kept, dt_ns, stuckOf);
				if (slowed) found.push(slowed);
			}
			if (known.low_ns < FORGET && known.worked_ns > 0) {
				next.set(key, known);
				pids.add(row.pid);
			}
		}
		this.known = next;
		this.pids = pids;
		return found;
	}

	/** Processes to be passed to {@link update} although they did nothing. */
	wants(pid: number, start: Ns): boolean {
		return this.pids.has(pid) && this.known.has(`${pid}:${start}`);
	}
}

function doesWork({ rate, cpu, requests, packets }: Work): boolean {
	return (
		rate >= limits.rate || cpu >= limits.cpu || (requests ?? 0) >= limits.requests || (packets ?? 0) >= limits.packets
	);
}

const isLow = (now: number, before: number, least: number): boolean => before < least || now <= before * limits.left;

/** Kinds of work of which it does less than a part of what it did, as far as it did that. The first one is reported. */
const low = {
	/** Sleeps and CPU time, both. */
	work: (now: Work, before: Work) =>
		(before.rate >= limits.rate || before.cpu >= limits.cpu) &&
		isLow(now.rate, before.rate, limits.rate) &&
		isLow(now.cpu, before.cpu, limits.cpu),
	/** It may wake as often, for each page that it waits for. */
	packets: (now: Work, before: Work) =>
		now.packets !== null &&
		before.packets !== null &&
		before.packets >= limits.packets &&
		now.packets <= before.packets * limits.left,
	/** Fewer requests that are larger are no less. */
	requests: (now: Work, before: Work) =>
		now.requests !== null &&
		before.requests !== null &&
		before.requests >= limits.requests &&
		now.requests <= before.requests * limits.left &&
		(now.bytes ?? 0) <= (before.bytes ?? 0) * limits.left,
} as const;

function lessOf(now: Work, before: Work): keyof typeof low | undefined {
	return (Object.keys(low) as (keyof typeof low)[]).find((kind) => low[kind](now, before));
}

function judge(
	row: ProgressRow,
	known: Known,
	{ now, less }: { now: Work; less: keyof typeof low },
	{ shares, all }: ReturnType<typeof keptOf>,
	dt_ns: Ns,
	stuckOf: StuckOf,
): Slowed | undefined {
	const { part, share } = grownPart(shares, known.shares);
	const nothing = less === 'work' && now.rate <= limits.nothing_rate && now.cpu <= limits.nothing_cpu;
	const kind = nothing ? 'halted' : 'slowed';
	const stuck = nothing ? stuckOf(row, known.low_ns) : 0;
	// those that are stuck may have waited for a CPU all the time before
	// one that has waited for its disk all the time waits longer for each request
	const longer = less === 'requests' && part === 'IO' && share >= limits.kept;
	const grown = stuck > 0 || longer || all - known.kept >= (nothing ? limits.halted_growth : limits.growth);
	// fewer requests of one that waits for locks of its own: it has none to make
	const isKept = all >= limits.kept && grown && (less !== 'requests' || OF_REQUESTS.has(part));
	// one that has done little for a minute, and is kept for a moment, is not slowed by that
	known.kept_ns = isKept ? known.kept_ns + dt_ns : Math.max(0, known.kept_ns - dt_ns);
	if (!isKept || known.kept_ns < (nothing ? limits.halted_ns : limits.slowed_ns)) return undefined;
	// threads of a pool wait for work in the same calls as for each other: only one that used a CPU, or waited for one, all the time stands out
	if (nothing && part !== 'stopped' && known.wanted < 0.5) return undefined;
	return {
		...{ pid: row.pid, start_time: row.start_time, comm: row.comm, kind, less, now, part, share },
		before: {
			rate: known.rate,
			cpu: known.cpu,
			requests: known.requests,
			bytes: known.bytes,
			packets: known.packets,
		},
		share_before: known.kept,
		for_ns: known.kept_ns,
		stuck,
		by: 'minutes',
	};
}
