/** FIXTURES: synthetic ticks of a machine with 4 CPUs, quiet by default. Nothing in them was measured. */

import type { Snapshot } from '../../src/core/snapshot.ts';
import { NO_COST } from '../../src/core/tracer.ts';
import { sanitize } from '../../src/lib/sanitize.ts';
import type { Space } from '../../src/system/disk-space.ts';
import type { Stalled } from '../../src/system/group-pressure.ts';
import type { AtLimit } from '../../src/system/memory-limits.ts';
import type { Pressure } from '../../src/system/pressure.ts';
import type { Throttled } from '../../src/system/quota.ts';
import type { RestField } from '../../src/tracers/energy/rest/rest.ts';
import { reasonOf } from '../../src/tracers/events/reasons.ts';
import type { EventKind, EventRow } from '../../src/tracers/events/snapshot.ts';
import type { IoProcess, IoRow, SlowRequest } from '../../src/tracers/io/snapshot.ts';
import type { IrqRow } from '../../src/tracers/irq/snapshot.ts';
import type { Finding } from '../../src/tracers/overview/finding.ts';
import { OverviewSession } from '../../src/tracers/overview/session.ts';
import type { OverviewExtra } from '../../src/tracers/overview/snapshot.ts';
import type { Sources, SourceTab } from '../../src/tracers/overview/sources.ts';
import type { Collecting } from '../../src/tracers/overview/tasks/collectors.ts';
import type { Deadlock } from '../../src/tracers/overview/tasks/deadlock.ts';
import type { Slowed } from '../../src/tracers/overview/tasks/progress.ts';
import { TaskReader } from '../../src/tracers/overview/tasks/reader.ts';
import type { Standstill } from '../../src/tracers/overview/tasks/standstill/standstill.ts';
import type { ProcessNow } from '../../src/tracers/overview/tasks/walk.ts';
import type { ProfileExtra } from '../../src/tracers/profile/snapshot.ts';
import type { Blamed } from '../../src/tracers/runqlat/culprits.ts';
import { energySnapshot } from '../ui/fixtures/energy.ts';
import { eventsSnapshot } from '../ui/fixtures/events.ts';
import { ioSnapshot } from '../ui/fixtures/io.ts';
import { irqSnapshot } from '../ui/fixtures/irq.ts';
import { profileSnapshot } from '../ui/fixtures/profile.ts';
import { runqlatSnapshot } from '../ui/fixtures/runqlat.ts';

export const second = 1e9;
export const cpus = 4;

/** One process in one interval. Shares are of one CPU. */
export interface Busy {
	pid: number;
	comm: string;
	start_time?: number;
	cgroup?: string;
	cpu?: number;
	watts?: number;
	wait?: number;
	p99?: number;
	irqTime?: number;
}

export interface World {
	processes: readonly Busy[];
	/** Σ waits per second of all tasks, beyond those of the processes; their p99. */
	wait: number;
	p99: number;
	irq: readonly {
		kind: 'hard' | 'soft' | 'vector';
		name: string;
		cpu: number;
		rate: number;
		share: number;
		late?: [number, number];
	}[];
	io: readonly {
		device: string;
		op: string;
		count: number;
		slow: number;
		mean: number;
		stage?: string;
		pid?: number;
		comm?: string;
	}[];
	/** `witness` is the kernel's count by default. */
	inflight: readonly {
		device: string;
		age: number;
		pid: number;
		comm: string;
		stage?: string;
		op?: string;
		witness?: 'kernel' | 'owner' | 'none';
	}[];
	waiting: readonly {
		pid: number;
		comm: string;
		cpu: number;
		age: number;
		running?: number;
		longer?: boolean;
		runnable?: boolean;
		throttled?: boolean;
	}[];
	processIo: readonly IoProcess[];
	/** Events per second; stalled: share of the interval. */
	events: readonly { kind: EventKind; reason: string; who: string; count: number; pid?: number; stalled?: number }[];
	/** Of a profile of waits and running code; null: none was taken. */
	profile: Partial<ProfileExtra> | null;
	blocked: readonly { root: string; tasks: number; age: number }[];
	culprits: readonly Blamed[];
	pressure: Pressure | null;
	stalled: Stalled;
	/** By the iterator over tasks. */
	tasks: readonly ProcessNow[];
	standstills: readonly Standstill[];
	slowed: readonly Slowed[];
	deadlocks: readonly Deadlock[];
	collecting: readonly Collecting[];
	atLimit: readonly AtLimit[];
	spaces: readonly Space[];
	throttled: readonly Throttled[];
	lost: number;
	/** Own time, share of a CPU. */
	cost: number;
	source: string;
	/** Missing: as in old recordings. */
	rest?: RestField;
	/** Filter of the run queue. */
	filter: string;
	without: readonly SourceTab[];
	dt: number;
}

/** Throttling counters and clock limits at which nothing is wrong. */
export const heat = { events: 0, events_total: 7, throttled_ns: null, cooling: 0, cooling_devices: 2 };
export const clock = {
	driver: sanitize('acpi'),
	governor: sanitize('powersave'),
	preference: sanitize(''),
	min_ghz: 0.8,
	max_ghz: 4,
	limit_ghz: 4,
	firmware_ghz: null,
	turbo: null,
	capped: false,
};

/** A machine with three idle states, as figures of a fixture. */
export function resting(changes: Partial<RestField> = {}, deepest = 0.9, entries = 20): RestField {
	const state = (name: string, share: number, entries_per_s: number) => ({
		name: sanitize(name),
		latency_ns: 1e3,
		residency_ns: 1e3,
		disabled: false,
		share,
		entries_per_s,
		mean_ns: 1e6,
	});
	return {
		source: 'cpuidle',
		driver: sanitize('intel_idle'),
		governor: sanitize('menu'),
		virtual: false,
		states: [state('POLL', 0, 0), state('C1', 0.95 - deepest, entries), state('C6', deepest, entries)],
		packages: [],
		cpus: [],
		frequency: clock,
		throttling: heat,
		wakes: null,
		missing: [],
		...changes,
	};
}

const quiet: World = {
	// what a machine at rest does all the time: short turns, a wait that happens to be long
	processes: [
		{ pid: 1, comm: 'systemd', cpu: 0.001, watts: 0.01, wait: 0.0001, p99: 4e5 },
		{ pid: 15, comm: 'rcu_preempt', cpu: 0.002, watts: 0.02, wait: 0.002, p99: 1.2e7 },
		{ pid: 900, comm: 'sshd', cpu: 0.01, watts: 0.1, wait: 0.001, p99: 2e6, irqTime: 0.0005 },
	],
	wait: 0.003,
	p99: 2e6,
	irq: [
		{ kind: 'vector', name: 'local_timer', cpu: 0, rate: 250, share: 0.002 },
		{ kind: 'soft', name: 'TIMER', cpu: 0, rate: 40, share: 0.001, late: [30, 3e7] },
		{ kind: 'soft', name: 'RCU', cpu: 1, rate: 90, share: 0.001, late: [80, 3e5] },
	],
	io: [{ device: 'vda', op: 'write', count: 12, slow: 1, mean: 2e6 }],
	inflight: [{ device: 'vda', age: 3e6, pid: 900, comm: 'sshd' }],
	waiting: [{ pid: 900, comm: 'sshd', cpu: 0, age: 2e6 }],
	processIo: [],
	events: [{ kind: 'drop', reason: 'NO_SOCKET', who: 'lo', count: 1 }],
	profile: null,
	blocked: [],
	culprits: [],
	pressure: {
		cpu: { some_ns: 0.01 * second, full_ns: 0 },
		memory: { some_ns: 0, full_ns: 0 },
		io: { some_ns: 0.02 * second, full_ns: 0 },
	},
	stalled: {},
	tasks: [],
	standstills: [],
	slowed: [],
	deadlocks: [],
	collecting: [],
	atLimit: [],
	spaces: [],
	throttled: [],
	lost: 0,
	cost: 0.02,
	source: 'model',
	filter: '',
	without: [],
	dt: second,
	rest: resting(),
};

function energy({ processes, source, dt, cost, rest }: World): Snapshot {
	const [blank] = energySnapshot(0, 1).rows;
	const rows = processes.map(({ pid, comm, start_time = pid * 1e9, cgroup = '/', cpu = 0, watts = 0 }) => ({
		...(blank as NonNullable<typeof blank>),
		pid,
		start_time,
		comm: sanitize(comm),
		cgroup: sanitize(cgroup),
		cpu_ns: cpu * dt,
		energy_uj: (watts * dt) / 1e3,
		watts,
	}));
	const base = energySnapshot(0, 0);
	const own = { ...base.cost, bpf_ns: 0, cpu_ns: cost * dt };
	return { ...base, dt_ns: dt, rows, source: { ...base.source, kind: source }, cost: own, ...(rest && { rest }) };
}

function runqlat({ processes, wait, p99, waiting, culprits, filter, dt, lost }: World): Snapshot {
	const base = runqlatSnapshot(0, 1);
	const [all, one] = base.rows as [(typeof base.rows)[0], (typeof base.rows)[0]];
	const rows = processes
		.filter((process) => process.wait !== undefined)
		.map(({ pid, comm, start_time = pid * 1e9, wait: share = 0, p99: own = 0 }) => ({
			...one,
			key: { kind: 'process' as const, id: pid, comm: sanitize(comm), start_time },
			count: 100,
			wait_ns: share * dt,
			p99_ns: own,
		}));
	const sum = rows.reduce((total, row) => total + row.wait_ns, wait * dt);
	return {
		...base,
		dt_ns: dt,
		lost: { ring: lost },
		cost: { ...base.cost, bpf_ns: 0 },
		rows: [{ ...all, wait_ns: sum, p99_ns: p99 }, ...rows],
		waiting: waiting.map(
			({ pid, comm, cpu, age, running = 0, longer = false, runnable = true, throttled = false }) => ({
				...{ pid, tid: pid, comm: sanitize(comm), cpu, running, longer, runnable, throttled },
				age_ns: age,
			}),
		),
		waiting_count: waiting.length,
		culprits,
		filter: sanitize(filter),
	} as Snapshot;
}

function irq({ irq: lines, processes, dt }: World): Snapshot {
	const base = irqSnapshot(0, cpus);
	const [blank] = base.rows;
	const rows = new Map<string, IrqRow>();
	for (const { kind, name, cpu, rate, share, late } of lines) {
		const row = rows.get(name) ?? {
			...(blank as IrqRow),
			kind,
			name: sanitize(name),
			cpus: [],
			late: late ? { count: late[0], p50_ns: 0, p99_ns: late[1], max_ns: late[1] * 2, zones: [0, 0, 0, 0] } : null,
		};
		const count = Math.round((rate * dt) / 1e9);
		row.cpus.push({ cpu, count, time_ns: share * dt, storm: rate >= 20_000 || share >= 0.25 });
		rows.set(name, row);
	}
	const irq_time = processes
		.filter((process) => process.irqTime !== undefined)
		.map(({ pid, comm, start_time = pid * 1e9, irqTime: share = 0 }) => ({
			interrupted: 'process' as const,
			pid,
			start_time,
			comm: sanitize(comm),
			cgroup: sanitize('/'),
			count: 10,
			time_ns: share * dt,
			hard_ns: 0,
			soft_ns: share * dt,
			vector_ns: 0,
			count_total: 10,
			time_ns_total: share * dt,
		}));
	const cost = { ...base.cost, bpf_ns: 0 };
	return { ...base, dt_ns: dt, rows: [...rows.values()], irq_time, irq_time_count: irq_time.length, cost } as Snapshot;
}

function io({ io: devices, inflight, processIo, dt }: World): Snapshot {
	const base = ioSnapshot(0);
	const [blank] = base.rows;
	const rows = devices.map(({ device, op, count, slow, mean }) => {
		const total = {
			count,
			mean_ns: mean,
			p50_ns: mean,
			p99_ns: slow > count / 100 ? 4e7 : mean,
			max_ns: 5e7,
			buckets: [
				[1e6, count - slow],
				[4e7, slow],
			] as [number, number][],
		};
		return {
			...(blank as IoRow),
			device: sanitize(device),
			dev: sanitize(device),
			op: sanitize(op),
			count,
			bytes: count * 4096,
			stages: { total },
		};
	});
	const slow = devices.flatMap(({ device, op, slow: many, stage = 'device', pid = 812, comm = 'postgres' }) =>
		Array.from(
			{ length: Math.min(many, 50) },
			(_, index): SlowRequest => ({
				device: sanitize(device),
				op: sanitize(op),
				partition: sanitize(device),
				flags: [],
				sector: 0,
				bytes: 4096,
				pid,
				tid: pid,
				comm: sanitize(comm),
				cgroup: sanitize('/'),
				owner: 'submitter',
				file: null,
				waterfall: [],
				off_cpu: null,
				mono_ns: 0,
				// one in five is slow elsewhere
				stages: {
					queue: stage === 'queue' || index % 5 === 4 ? 2e7 : 1e6,
					device: stage === 'device' && index % 5 !== 4 ? 2e7 : 1e6,
					total: 2.1e7,
				},
			}),
		),
	);
	return {
		...base,
		dt_ns: dt,
		rows,
		slow,
		slow_suppressed: 0,
		inflight: inflight.map(({ device, age, pid, comm, stage = 'device', op = 'write', witness = 'kernel' }) => ({
			...(witness === 'none' ? {} : { witness }),
			device: sanitize(device),
			op: sanitize(op),
			bytes: 4096,
			pid,
			comm: sanitize(comm),
			stage,
			age_ns: age,
		})),
		inflight_count: inflight.length,
		cost: { ...base.cost, bpf_ns: 0 },
		processes: processIo,
	} as Snapshot;
}

function events({ events: happened, blocked, dt }: World): Snapshot {
	const base = eventsSnapshot(0);
	const [blank] = base.rows;
	const rows = happened.map(({ kind, reason, who, count, pid = 0, stalled = 0 }) => {
		const about = reasonOf(kind, reason);
		return {
			...(blank as EventRow),
			kind,
			reason: sanitize(reason),
			who: sanitize(who),
			comm: sanitize(who),
			pid,
			start_time: pid * second,
			severity: about.severity,
			cause: about.cause,
			meaning: about.meaning,
			count: (count * dt) / second,
			stalled_ns: stalled * dt,
			// now, whenever that is
			last_mono_ns: Number.MAX_SAFE_INTEGER,
		};
	});
	const wait_chains = blocked.map(({ root, tasks, age }) => {
		const step = { what: 'device' as const, name: sanitize(root), pid: 0, tid: 0 };
		const text = sanitize(`${tasks} tasks wait for ${root}`);
		return { root: step, steps: [step], tasks, pids: [], oldest_ns: age, text };
	});
	return {
		...base,
		dt_ns: dt,
		rows,
		events: [],
		blocked: [],
		wait_chains,
		cost: { ...base.cost, bpf_ns: 0 },
	} as Snapshot;
}

/** The tabs of one tick. */
export function tickOf(change: Partial<World> = {}): Map<string, Snapshot> {
	const world = { ...quiet, ...change };
	const tabs = { energy, runqlat, irq, io, events };
	const tick = new Map<string, Snapshot>(
		(Object.keys(tabs) as (keyof Sources)[])
			.filter((tab) => !world.without.includes(tab))
			.map((tab) => [tab, tabs[tab](world)]),
	);
	if (world.profile) tick.set('profile', { ...profileSnapshot(0), ...world.profile } as Snapshot);
	return tick;
}

/** The overview over a sequence of ticks, each the quiet machine with some changes. */
export class Machine {
	private world: World = quiet;
	private elapsed = 0;
	private readonly session = new OverviewSession(cpus, {
		pressure: { read: () => this.world.pressure },
		groups: { read: () => this.world.stalled },
		quota: { read: () => [...this.world.throttled] },
		tasks: this.tasks(),
		memoryLimits: { read: () => [...this.world.atLimit] },
		spaces: { read: () => this.world.spaces },
	});

	private tasks(): TaskReader {
		const reader = new TaskReader('/nowhere', {
			read: () => new Map(this.world.tasks.map((one) => [one.pid, one])),
			channels: () => [],
			displaced: () => 0,
			hooks: [],
			cost: () => NO_COST,
			close: () => {},
		});
		reader.standstills = () => [...this.world.standstills];
		reader.slowed = () => [...this.world.slowed];
		reader.deadlocks = () => [...this.world.deadlocks];
		reader.collecting = () => [...this.world.collecting];
		return reader;
	}

	tick(change: Partial<World> = {}) {
		this.world = { ...quiet, ...change };
		this.elapsed += this.world.dt;
		const time = new Date(Date.UTC(2026, 0, 1, 14, 2, 0) + this.elapsed / 1e6).toISOString();
		const tick = [...tickOf(change)].map(
			([tab, snapshot]) => [tab, { ...snapshot, time, mono_ns: this.elapsed }] as const,
		);
		return this.session.read(this.world.dt, 'process', new Map(tick));
	}

	/** The same for so many ticks; findings after the last. */
	run(ticks: number, change: Partial<World> = {}): readonly Finding[] {
		let extra: OverviewExtra | undefined;
		for (let count = 0; count < ticks; count++) extra = this.tick(change).extra;
		return extra?.findings ?? [];
	}
}

export const quietProcesses = quiet.processes;

/** `rule: subject: text — owner` */
export function say({ rule, subject, text, owner }: Finding): string {
	const who = owner ? ` — ${owner.role} ${owner.comm}[${owner.pid}]×${owner.processes}` : '';
	return `${rule}: ${subject}: ${text}${who}`;
}

/** A process of one thread that sleeps. */
export function sleeper(pid: number, comm: string, asleep_s: number, state: 'S' | 'D' | 'R' = 'S'): ProcessNow {
	const name = sanitize(comm);
	return {
		...{ pid, start: pid * 1e9, comm: name, parent: 1, threads: 1, nice: 0, deadline: false },
		...{ rss_bytes: 1 << 20, swap_bytes: 0, minor_faults: 0, major_faults: 0 },
		tasks: [
			{
				...{ tid: pid, comm: name, state, asleep_ns: asleep_s * second, switches: 5000, sleeps: 4000 },
				...{ cpu_ns: second, delay_ns: 0, reason: state === 'D' ? 'IO' : 'poll', wchan: sanitize('do_epoll_wait') },
			},
		],
	};
}

/** Sessions of a database that wait for one in a transaction. */
export function lockWait(count: number, asleep_s: number): Standstill {
	const still = Array.from({ length: count }, (_, index) => ({
		...{ pid: 900 + index, start_time: (900 + index) * 1e9, comm: sanitize('postgres') },
		...{ title: sanitize('postgres: app shop [local] UPDATE waiting'), asleep_ns: asleep_s * second, state: 'S' },
		...{
			reason: 'poll' as const,
			wchan: sanitize('do_epoll_wait'),
			rate: 400,
			remote: [],
			address: '',
			forEvent: true,
			note: sanitize(''),
		},
		clients: [{ pid: 700, comm: sanitize('pgbench') }],
		behind: null,
	}));
	return {
		comm: sanitize('postgres'),
		parent: 688,
		still: still as unknown as Standstill['still'],
		family: count + 1,
		behind: {
			...{ pid: 990, start_time: 990e9, comm: sanitize('postgres'), tid: 0, reason: 'poll' as const },
			title: sanitize('postgres: app shop [local] idle in transaction'),
			by: [sanitize('its title says that it is in a transaction'), sanitize('it last ran when they stopped')],
			asleep_ns: asleep_s * second,
			client: { pid: 701, comm: sanitize('psql') },
		},
		others: 0,
	};
}

/** A process that did much until six seconds ago. */
export const slowed = (kind: Slowed['kind'], stuck = 0): Slowed => ({
	...{ pid: 77, start_time: 77e9, comm: sanitize('worker'), kind, part: 'IO', share: 0.8, share_before: 0.1 },
	less: 'work',
	before: { rate: 400, cpu: 0.9, requests: null, bytes: null, packets: null },
	now: { rate: 12, cpu: 0.01, requests: null, bytes: null, packets: null },
	for_ns: 6 * second,
	stuck,
	by: 'minutes',
});

/** Two threads of a process, each of which has the mutex that the other one wants. */
export const crossed: Deadlock = {
	...{ pid: 40, start_time: 40e9, comm: sanitize('app'), for_ns: 12 * second },
	circle: [
		{ tid: 41, comm: sanitize('reader'), address: '0x7f00' },
		{ tid: 42, comm: sanitize('writer'), address: '0x7f40' },
	],
};

/** A collector that uses a CPU and a half of two. */
export const collectingHard: Collecting = {
	...{ pid: 50, start_time: 50e9, comm: sanitize('java'), threads: 2 },
	collector_ns: 1.5 * second,
	cpu_ns: 1.6 * second,
};

export const limited: AtLimit = {
	...{ cgroup: sanitize('/shop'), limit_bytes: 64 << 20, used_bytes: 64 << 20, hits: 1200 },
	stalled_ns: 0.6 * second,
	members: ['812:812000000000'],
};
