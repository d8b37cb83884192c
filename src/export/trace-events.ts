/**
 * A recording on the time axis of a trace viewer: slow requests with their stages, findings, marks, turns of tasks on CPUs,
 * and the figures of the machine and of busy processes as counters. Times are CLOCK_MONOTONIC.
 */
import { type Snapshot, secondsOf } from '../core/snapshot.ts';
import type { SafeText } from '../lib/sanitize.ts';
import type { Ns } from '../lib/units.ts';
import type { EventsExtra } from '../tracers/events/snapshot.ts';
import type { IoExtra, SlowRequest } from '../tracers/io/snapshot.ts';
import type { IrqExtra } from '../tracers/irq/snapshot.ts';
import type { Finding } from '../tracers/overview/finding.ts';
import type { OverviewExtra, OverviewRow } from '../tracers/overview/snapshot.ts';
import type { RunqlatExtra } from '../tracers/runqlat/snapshot.ts';

export interface Track {
	/** Heading that tracks are listed under. */
	group: string;
	name: string;
}

export type Arguments = Readonly<Record<string, string | number>>;

export type TraceEvent =
	| {
			kind: 'slice';
			track: Track;
			name: string;
			at: Ns;
			ns: Ns;
			args: Arguments;
			/** One after the other, inside. */
			parts?: readonly { name: string; at: Ns; ns: Ns }[];
	  }
	| { kind: 'instant'; track: Track; name: string; at: Ns; args: Arguments }
	| { kind: 'counter'; track: Track; unit: string; at: Ns; value: number };

/** One turn of a task on a CPU. */
export interface CpuSlice {
	/** CLOCK_MONOTONIC. */
	end_ns: Ns;
	ns: Ns;
	pid: number;
	tid: number;
	cpu: number;
	comm: SafeText;
}

export interface TraceInput {
	snapshots: AsyncIterable<Snapshot>;
	/** In any order; those of a CPU do not overlap. */
	slices?: readonly CpuSlice[];
	/** Wall clock in ms. */
	marks: readonly { wall: number; text: string }[];
}

/** Processes with a track of their own at most; the busiest of their first interval come first. */
const MOST_PROCESSES = 64;
/** CPU share from which a process gets one. */
const BUSY = 0.05;
/** Requests of a device that are in flight together, each in a lane; further ones share the last lane's begin only. */
const MOST_LANES = 64;

/** Slices of one track must not overlap: a request takes the first lane that is free. */
class Lanes {
	private readonly ends = new Map<string, Ns[]>();

	take(name: string, at: Ns, end: Ns): number | undefined {
		const ends = this.ends.get(name) ?? [];
		this.ends.set(name, ends);
		let lane = ends.findIndex((free) => free <= at);
		if (lane < 0) lane = ends.length;
		if (lane >= MOST_LANES) return undefined;
		ends[lane] = end;
		return lane;
	}
}

function ofRequest(request: SlowRequest, lanes: Lanes): TraceEvent {
	const { device, op, stages, waterfall, mono_ns, bytes, pid, comm, file, sector, owner, flags } = request;
	const ns = stages['total'] ?? 0;
	const at = mono_ns - ns;
	const lane = lanes.take(device, at, mono_ns);
	const args = {
		pid,
		comm,
		bytes,
		sector,
		owner,
		flags: flags.join(' '),
		...(file !== null && { file }),
	};
	const name = `${op} ${comm}`;
	const group = 'Slow requests';
	if (lane === undefined) return { kind: 'instant', track: { group, name: `${device} more` }, name, at, args };
	return {
		kind: 'slice',
		track: { group, name: lane === 0 ? device : `${device} ${lane + 1}` },
		name,
		at,
		ns,
		args,
		parts: waterfall.map(({ stage, at_ns, ns: length }) => ({ name: stage, at: at + at_ns, ns: length })),
	};
}

/** The findings that hold, until they hold no more. */
class OpenFindings {
	private readonly open = new Map<string, { finding: Finding; at: Ns; until: Ns }>();

	*update(findings: readonly Finding[], wall: number, now: Ns): Generator<TraceEvent> {
		const present = new Set<string>();
		for (const finding of findings) {
			const key = `${finding.rule}\0${finding.subject}\0${finding.since}`;
			present.add(key);
			const known = this.open.get(key);
			// its begin is on the wall clock, as of this snapshot
			const at = now - Math.max(0, wall - Date.parse(finding.since)) * 1e6;
			this.open.set(key, { finding, at: known?.at ?? at, until: now });
		}
		for (const [key, one] of this.open) {
			if (present.has(key)) continue;
			this.open.delete(key);
			yield this.slice(one);
		}
	}

	*rest(): Generator<TraceEvent> {
		for (const one of this.open.values()) yield this.slice(one);
		this.open.clear();
	}

	private slice({ finding, at, until }: { finding: Finding; at: Ns; until: Ns }): TraceEvent {
		const { rule, level, subject, text, owner, peak } = finding;
		return {
			kind: 'slice',
			track: { group: 'Findings', name: `${rule} ${subject}` },
			name: `${subject}: ${peak.text || text}`,
			at,
			ns: Math.max(0, until - at),
			args: {
				level,
				excess: peak.excess,
				...(owner && { [owner.role || 'owner']: `${owner.comm} ×${owner.processes}` }),
			},
		};
	}
}

const machine = 'Machine';

function* countersOf(snapshot: Snapshot<OverviewRow, OverviewExtra>): Generator<TraceEvent> {
	const { totals, dt_ns, mono_ns } = snapshot;
	const seconds = secondsOf(snapshot);
	const figures: [name: string, unit: string, value: number | null][] = [
		['CPUs busy', '', totals.busy_ns === null ? null : totals.busy_ns / dt_ns],
		['Power', 'W', totals.watts],
		['Wait for a CPU, p99', 'ms', totals.wait_p99_ns === null ? null : totals.wait_p99_ns / 1e6],
		['Interrupts', 'CPUs', totals.irq_ns === null ? null : totals.irq_ns / dt_ns],
		['Block IO', 'MB/s', totals.io_bytes === null ? null : totals.io_bytes / 1e6 / seconds],
		['Block requests', '/s', totals.io_count === null ? null : totals.io_count / seconds],
	];
	for (const [name, unit, value] of figures) {
		if (value === null) continue;
		// a viewer holds a value until the next one: it belongs at the begin of its interval
		yield { kind: 'counter', track: { group: machine, name }, unit, at: mono_ns - dt_ns, value };
	}
}

/** CPU shares of processes; 0 where one that has a track does not run. */
class ProcessCounters {
	private readonly names = new Map<string, string>();

	*update({ rows, group, dt_ns, mono_ns }: Snapshot<OverviewRow, OverviewExtra>): Generator<TraceEvent> {
		if (group !== 'process') return;
		const shares = new Map<string, number>();
		for (const row of [...rows].sort((a, b) => (b.cpu_ns ?? 0) - (a.cpu_ns ?? 0))) {
			const key = `${row.pid}:${row.start_time}`;
			const share = (row.cpu_ns ?? 0) / dt_ns;
			if (!this.names.has(key) && (share < BUSY || this.names.size >= MOST_PROCESSES)) continue;
			if (!this.names.has(key)) this.names.set(key, `${row.comm} ${row.pid}`);
			shares.set(key, share);
		}
		for (const [key, name] of this.names) {
			const track = { group: 'CPUs by process', name };
			yield { kind: 'counter', track, unit: '', at: mono_ns - dt_ns, value: shares.get(key) ?? 0 };
		}
	}
}

export async function* traceEvents({ snapshots, marks, slices = [] }: TraceInput): AsyncGenerator<TraceEvent> {
	const lanes = new Lanes();
	const findings = new OpenFindings();
	const processes = new ProcessCounters();
	const left = [...marks].sort((a, b) => a.wall - b.wall);
	for await (const snapshot of snapshots) {
		const { tab, mono_ns, time, dt_ns } = snapshot;
		const wall = Date.parse(time);
		while (left[0] && left[0].wall <= wall) {
			const mark = left.shift() as (typeof left)[number];
			const at = mono_ns - (wall - mark.wall) * 1e6;
			yield { kind: 'instant', track: { group: 'Marks', name: 'marks' }, name: mark.text, at, args: {} };
		}
		if (snapshot.gap) {
			const track = { group: machine, name: 'Gaps' };
			const { late_ns, suspended_ns } = snapshot.gap;
			if (tab === 'overview')
				yield { kind: 'instant', track, name: 'gap', at: mono_ns, args: { late_ns, suspended_ns } };
		}
		switch (tab) {
			case 'overview': {
				const overview = snapshot as Snapshot<OverviewRow, OverviewExtra>;
				yield* countersOf(overview);
				yield* processes.update(overview);
				yield* findings.update(overview.findings, wall, mono_ns);
				break;
			}
			case 'io': {
				const io = snapshot as Snapshot<object, IoExtra>;
				for (const request of io.slow) yield ofRequest(request, lanes);
				const track = { group: machine, name: 'Requests in flight' };
				yield { kind: 'counter', track, unit: '', at: mono_ns, value: io.inflight_count };
				break;
			}
			case 'events': {
				for (const { kind, reason, text, mono_ns: at, who, severity, cause } of (
					snapshot as Snapshot<object, EventsExtra>
				).events) {
					const track = { group: 'Kernel events', name: kind };
					yield { kind: 'instant', track, name: text, at, args: { reason, who, severity, cause } };
				}
				break;
			}
			case 'runqlat': {
				const { waiting_count, cpus } = snapshot as Snapshot<object, RunqlatExtra>;
				const track = { group: machine, name: 'Tasks waiting for a CPU' };
				yield { kind: 'counter', track, unit: '', at: mono_ns, value: waiting_count };
				for (const { cpu, p99_ns } of cpus.slice(0, 256)) {
					const one = { group: 'Wait for a CPU, p99', name: `cpu ${cpu}` };
					yield { kind: 'counter', track: one, unit: 'ms', at: mono_ns - dt_ns, value: p99_ns / 1e6 };
				}
				break;
			}
			case 'irq': {
				const { cpu_share } = snapshot as Snapshot<object, IrqExtra>;
				for (const { cpu, hard, soft, vector } of cpu_share.slice(0, 256)) {
					const one = { group: 'Interrupts', name: `cpu ${cpu}` };
					yield { kind: 'counter', track: one, unit: '', at: mono_ns - dt_ns, value: hard + soft + vector };
				}
				break;
			}
		}
	}
	yield* findings.rest();
	for (const { end_ns, ns, pid, tid, cpu, comm } of slices) {
		const track = { group: 'Scheduling', name: `cpu ${cpu}` };
		yield { kind: 'slice', track, name: comm, at: end_ns - ns, ns, args: { pid, tid } };
	}
}
