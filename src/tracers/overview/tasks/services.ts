/** Work of services: the sum of all processes of one container, pod, unit or command. */
import type { SafeText } from '../../../lib/sanitize.ts';
import type { Ns } from '../../../lib/units.ts';
import { serviceName } from '../../../system/cgroup-name.ts';
import type { OverviewRow, TimePart } from '../snapshot.ts';
import type { ProgressRow } from './progress.ts';
import type { Spent } from './time.ts';
import type { ProcessNow } from './walk.ts';

/** Processes whose service is kept, by their last activity. */
const MOST = 20_000;

const plus = (a: number | null | undefined, b: number | null | undefined): number | null =>
	a == null ? (b ?? null) : b == null ? a : a + b;

/** Of a process; without a control group where it did nothing. */
export type ServiceRow = ProgressRow & Partial<Pick<OverviewRow, 'cgroup'>>;

/** The sum of a service's processes. */
type Sum = ProgressRow & { members: number };

/** Processes that did nothing in the interval. */
export interface Resting {
	processes: readonly Pick<ProcessNow, 'pid' | 'start' | 'comm' | 'tasks'>[];
	/** Adds the time of its threads by the reason of their sleep. False: none of them is known. */
	addTo(parts: Spent['parts'], process: Pick<ProcessNow, 'start' | 'tasks'>): boolean;
	/** Segments of TCP per second; null: not known. */
	packetsOf(pid: number): number | null;
}

type Eldest = Map<SafeText, { pid: number; start: Ns }>;

function keepEldest(eldest: Eldest, name: SafeText, pid: number, start: Ns): void {
	if (start > 0 && start < (eldest.get(name)?.start ?? Number.POSITIVE_INFINITY)) eldest.set(name, { pid, start });
}

export class Services {
	/** By pid. The control group of a process is known while it is active. */
	private readonly names = new Map<number, { start: Ns; name: SafeText }>();
	/** The oldest process of each unit, container or pod. */
	private eldest = new Map<SafeText, { pid: number; start: Ns }>();
	/** Oldest processes that took the place of one that ended, in the last interval, by pid. */
	readonly restarted = new Set<number>();

	/** A service that does nothing is not among the rows: its oldest process is kept. */
	private compare(eldest: ReadonlyMap<SafeText, { pid: number; start: Ns }>): void {
		this.restarted.clear();
		for (const [name, now] of eldest) {
			const before = this.eldest.get(name);
			// all that live are listed, so the older one has ended
			if (before && now.start > before.start) this.restarted.add(now.pid);
			this.eldest.set(name, now);
		}
		if (this.eldest.size > MOST) this.eldest.clear();
	}

	knows(pid: number, start: Ns): boolean {
		return this.names.get(pid)?.start === start;
	}

	/**
	 * A row for each service of two processes or more.
	 * @param resting of known processes: thousands of them may rest, so that no rows are made of these
	 */
	sum(rows: readonly ServiceRow[], resting?: Resting): ProgressRow[] {
		const sums = new Map<SafeText, Sum>();
		const eldest: Eldest = new Map();
		for (const row of rows) {
			const named = this.names.get(row.pid);
			let name = named?.start === row.start_time ? named.name : undefined;
			if (name === undefined) {
				if (row.cgroup === undefined) continue;
				if (this.names.size >= MOST) this.names.clear();
				name = serviceName(row.cgroup, row.comm);
				this.names.set(row.pid, { start: row.start_time, name });
			}
			// a command is no service that somebody starts again
			if (name !== row.comm) keepEldest(eldest, name, row.pid, row.start_time);
			if (!row.time_ns || row.wakeups === null) continue;
			const known = sums.get(name);
			if (!known) {
				sums.set(name, { ...row, pid: 0, start_time: 0, comm: name, time_ns: { ...row.time_ns }, members: 1 });
				continue;
			}
			known.members++;
			known.wakeups = (known.wakeups ?? 0) + row.wakeups;
			known.io_count = plus(known.io_count, row.io_count);
			known.io_bytes = plus(known.io_bytes, row.io_bytes);
			known.packets = plus(known.packets, row.packets);
			const time = known.time_ns as NonNullable<OverviewRow['time_ns']>;
			for (const part in row.time_ns)
				time[part as TimePart] = (time[part as TimePart] ?? 0) + (row.time_ns[part as TimePart] as Ns);
		}
		for (const process of resting?.processes ?? []) {
			const name = this.names.get(process.pid)?.name;
			if (name === undefined) continue;
			if (name !== process.comm) keepEldest(eldest, name, process.pid, process.start);
			const known = sums.get(name);
			const time_ns = known?.time_ns ?? {};
			if (!resting?.addTo(time_ns, process)) continue;
			const packets = resting.packetsOf(process.pid);
			if (!known) {
				const nothing = { wakeups: 0, io_count: 0, io_bytes: 0 };
				sums.set(name, { pid: 0, start_time: 0, comm: name, ...nothing, packets, time_ns, members: 1 });
				continue;
			}
			known.members++;
			known.io_count = plus(known.io_count, 0);
			known.io_bytes = plus(known.io_bytes, 0);
			known.packets = plus(known.packets, packets);
		}
		this.compare(eldest);
		return [...sums.values()].filter(({ members }) => members > 1);
	}
}
