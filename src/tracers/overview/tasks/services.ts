/** Work of services: the sum of all processes of one container, pod, unit or command. */
import type { SafeText } from '../../../lib/sanitize.ts';
import type { Count, Ns } from '../../../lib/units.ts';
import { serviceName } from '../../../system/cgroup-name.ts';
import type { OverviewRow } from '../snapshot.ts';
import type { ProgressRow } from './progress.ts';

/** Processes whose service is kept, by their last activity. */
const MOST = 20_000;

const plus = (a: number | null | undefined, b: number | null | undefined): number | null =>
	a == null ? (b ?? null) : b == null ? a : a + b;

/** Of a process; without a control group where it did nothing. */
export type ServiceRow = ProgressRow & Partial<Pick<OverviewRow, 'cgroup'>>;

/** What is known of a service. */
interface Service {
	readonly name: SafeText;
	/** A command is no service that somebody starts again. */
	readonly restarts: boolean;
	/** The oldest process of a unit, container or pod; undefined: none is known. */
	eldest: ProcessId | undefined;
	/** The same among the rows of the interval. */
	eldestNow: ProcessId | undefined;
	/** Of the interval; undefined: no row yet. */
	sum: ProgressRow | undefined;
	members: Count;
}

interface ProcessId {
	pid: number;
	start: Ns;
}

export class Services {
	/** By pid. The control group of a process is known while it is active. */
	private readonly processes = new Map<number, { start: Ns; service: Service }>();
	private readonly services = new Map<string, Service>();
	/** With rows in the interval. */
	private active: Service[] = [];
	/** Oldest processes that took the place of one that ended, in the last interval, by pid. */
	readonly restarted = new Set<number>();

	knows(pid: number, start: Ns): boolean {
		return this.processes.get(pid)?.start === start;
	}

	/** A row for each service of two processes or more. */
	sum(rows: readonly ServiceRow[]): ProgressRow[] {
		for (const service of this.active) {
			service.sum = undefined;
			service.eldestNow = undefined;
			service.members = 0;
		}
		this.active = [];
		for (const row of rows) {
			const service = this.serviceOf(row);
			if (!service) continue;
			const { pid, start_time: start } = row;
			if (service.restarts && start > 0 && start < (service.eldestNow?.start ?? Number.POSITIVE_INFINITY)) {
				if (!service.eldestNow && !service.sum) this.active.push(service);
				service.eldestNow = { pid, start };
			}
			if (!row.time_ns || row.wakeups === null) continue;
			if (!service.sum) {
				if (!service.eldestNow) this.active.push(service);
				const { packets = null, io_count = null, io_bytes = null, wakeups } = row;
				const time_ns = { ...row.time_ns };
				service.sum = { pid: 0, start_time: 0, comm: service.name, wakeups, time_ns, io_count, io_bytes, packets };
			} else add(service.sum, row);
			service.members++;
		}
		this.compare();
		return this.active.flatMap(({ sum, members }) => (sum && members > 1 ? [sum] : []));
	}

	private serviceOf({ pid, start_time, cgroup, comm }: ServiceRow): Service | undefined {
		const known = this.processes.get(pid);
		if (known?.start === start_time) return known.service;
		if (cgroup === undefined) return undefined;
		if (this.processes.size >= MOST) this.processes.clear();
		const name = serviceName(cgroup, comm);
		const restarts = name !== comm;
		const key = `${restarts} ${name}`;
		let service = this.services.get(key);
		if (!service) {
			if (this.services.size >= MOST) this.services.clear();
			service = { name, restarts, eldest: undefined, eldestNow: undefined, sum: undefined, members: 0 };
			this.services.set(key, service);
		}
		this.processes.set(pid, { start: start_time, service });
		return service;
	}

	/** A service that does nothing is not among the rows: its oldest process is kept. */
	private compare(): void {
		this.restarted.clear();
		for (const service of this.active) {
			const { eldest: before, eldestNow: now } = service;
			if (!now) continue;
			// all that live are listed, so the older one has ended
			if (before && now.start > before.start) this.restarted.add(now.pid);
			service.eldest = now;
		}
	}
}

function add(sum: ProgressRow, row: ServiceRow): void {
	sum.wakeups = (sum.wakeups ?? 0) + (row.wakeups ?? 0);
	sum.io_count = plus(sum.io_count, row.io_count);
	sum.io_bytes = plus(sum.io_bytes, row.io_bytes);
	sum.packets = plus(sum.packets, row.packets);
	const time = sum.time_ns as Record<string, Ns>;
	const more = row.time_ns as Record<string, Ns>;
	for (const part in more) time[part] = (time[part] ?? 0) + (more[part] as Ns);
}
