/** A guest's recording with the host's beside it: one more tab, of the moment that is shown. */
import type { Snapshot } from '../../core/snapshot.ts';
import type { SafeText } from '../../lib/sanitize.ts';
import type { Count, Ns } from '../../lib/units.ts';
import { type Archive, nearest } from '../archive.ts';
import { ArchiveStore } from '../archive-store.ts';
import { type Blame, type GuestReport, isProcess, type OverviewRow, ranMeanwhile, rowsOf } from './guest.ts';

/** Id of the tab. */
export const HOST_TAB = 'host';

/** A process of the host or of the guest. */
export interface BesideRow {
	side: 'host' | 'guest';
	pid: number;
	start_time: Ns;
	comm: SafeText;
	cgroup: SafeText;
	cpu_ns: Ns | null;
	wait_ns: Ns | null;
	/** Of the waiting of the guest's virtual CPUs, while this ran; null: of the guest, or the guest itself. */
	ran_ns: Ns | null;
	/** It is the guest. */
	is_guest: boolean;
}

export interface BesideExtra {
	report: Omit<GuestReport, 'rows'>;
	/** End of the host's interval, by the host's clock; null: nothing was recorded there at that time. */
	host_time: string | null;
	/** Of the guest's interval; null: not known. */
	steal_share: number | null;
	/** Of the host's interval: waits of the virtual machine's threads over the time of its CPUs. */
	waited_share: number | null;
	exact: boolean;
	processes: { host: Count; guest: Count };
}

/** The host's interval may end so much before or after the guest's, in lengths of it. */
const NEAR = 1.5;

export class BesideStore extends ArchiveStore {
	private readonly host: Archive;
	private readonly report: GuestReport;
	private made: { of: Snapshot; snapshots: readonly Snapshot[] } | undefined;

	constructor(guest: Archive, host: Archive, report: GuestReport) {
		super(guest, false);
		this.host = host;
		this.report = report;
		this.apply({ kind: 'live', tab: HOST_TAB });
	}

	override history(tab: string): readonly Snapshot[] {
		if (tab !== HOST_TAB) return super.history(tab);
		const guest = super.current('overview');
		if (!guest) return [];
		if (this.made?.of !== guest) this.made = { of: guest, snapshots: [this.beside(guest)] };
		return this.made.snapshots;
	}

	override current(tab: string): Snapshot | undefined {
		return tab === HOST_TAB ? this.history(tab)[0] : super.current(tab);
	}

	/** One interval further is one of the guest's overview. */
	override travel(tab: string, steps: number): void {
		super.travel(tab === HOST_TAB ? 'overview' : tab, steps);
	}

	override behind(tab: string): Ns {
		return super.behind(tab === HOST_TAB ? 'overview' : tab);
	}

	override reach(tab: string): Ns {
		return super.reach(tab === HOST_TAB ? 'overview' : tab);
	}

	private hostAt(tab: string, wall: number, dt_ns: Ns): Snapshot | undefined {
		const place = nearest(this.host.of(tab), wall);
		if (!place || Math.abs(place.wall - wall) > (NEAR * dt_ns) / 1e6) return undefined;
		try {
			return this.host.snapshot(place);
		} catch {
			// damaged: nothing is known of that moment
			return undefined;
		}
	}

	private beside(guest: Snapshot): Snapshot {
		const { rows: _, ...report } = this.report;
		const { machine, alignment } = report;
		const wall = Date.parse(guest.time) + alignment.offset_ms;
		const overview = this.hostAt('overview', wall, guest.dt_ns);
		const runqlat = this.hostAt('runqlat', wall, guest.dt_ns);
		const hosts = rowsOf(overview).filter(isProcess);
		const itself = machine && hosts.find(({ pid, comm }) => pid === machine.pid && comm === machine.comm);
		const wait = itself?.wait_ns ?? 0;
		const blamed = (runqlat as { culprits?: readonly Blame[] } | undefined)?.culprits ?? [];
		const { exact, ran } =
			itself && wait > 0 ? ranMeanwhile(itself.pid, wait, hosts, blamed) : { exact: false, ran: [] };
		// several processes of one name share what ran under it by their CPU time
		const byName = new Map<string, Ns>();
		for (const { comm, unit, wait_ns } of ran)
			byName.set(`${comm}\0${unit}`, (byName.get(`${comm}\0${unit}`) ?? 0) + wait_ns);
		const cpuOf = new Map<string, Ns>();
		for (const { comm, cgroup, cpu_ns } of hosts)
			cpuOf.set(`${comm}\0${cgroup}`, (cpuOf.get(`${comm}\0${cgroup}`) ?? 0) + (cpu_ns ?? 0));
		const guests = rowsOf(guest).filter(isProcess);
		const { totals } = guest as { totals?: { cpus?: number | null; steal_ns?: number } };
		const time = guest.dt_ns * (totals?.cpus ?? report.guest.cpus);
		const extra: BesideExtra = {
			report,
			host_time: overview?.time ?? null,
			steal_share: totals?.steal_ns === undefined ? null : totals.steal_ns / time,
			waited_share: itself && overview ? wait / (overview.dt_ns * report.guest.cpus) : null,
			exact,
			processes: { host: hosts.length, guest: guests.length },
		};
		const rows: BesideRow[] = [
			...hosts.map((row): BesideRow => {
				const key = `${row.comm}\0${row.cgroup}`;
				const all = cpuOf.get(key) ?? 0;
				const part = all > 0 ? (row.cpu_ns ?? 0) / all : 0;
				return {
					...picked(row),
					side: 'host',
					is_guest: row === itself,
					ran_ns: row === itself ? null : (byName.get(key) ?? 0) * part,
				};
			}),
			...guests.map((row): BesideRow => ({ ...picked(row), side: 'guest', is_guest: false, ran_ns: null })),
		];
		const { time: at, mono_ns, dt_ns, cost } = guest;
		return {
			tab: HOST_TAB,
			time: at,
			mono_ns,
			dt_ns,
			group: 'process',
			source: {
				kind: alignment.method,
				description: report.aligned,
				uncertainty: alignment.uncertainty_ms === null ? 'not known' : `± ${alignment.uncertainty_ms} ms`,
				hooks: [],
			},
			// those of both are on the tabs that they are of
			lost: {},
			cost,
			...extra,
			rows,
		} as unknown as Snapshot;
	}
}

function picked({ pid, start_time, comm, cgroup, cpu_ns, wait_ns }: OverviewRow) {
	return { pid, start_time, comm, cgroup, cpu_ns, wait_ns };
}
