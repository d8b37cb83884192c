/**
 * A guest's recording beside one of its host: when both are aligned, the guest's stolen time is the time for which its
 * virtual CPUs waited for a CPU of the host, and the host's recording has the names of who ran meanwhile.
 */
import type { Snapshot } from '../../core/snapshot.ts';
import { type SafeText, safe, sanitize } from '../../lib/sanitize.ts';
import type { Count, Ns } from '../../lib/units.ts';
import { EVERY_HEAD } from '../columns-text.ts';
import type { AnyRecording, Choice, Part } from '../recordings.ts';
import { type Alignment, type Amount, align, byWallClock } from './align.ts';

/** Programs that run virtual machines, by the beginning of their names (15 characters of a thread's name). */
const HYPERVISORS =
	/^(qemu|kvm|cloud-hyperviso|firecracker|crosvm|VBoxHeadless|VirtualBoxVM|vmware-vmx|lkvm|stratovirt)/;
/** Virtual machines of a host that are told apart. */
const MOST_MACHINES = 64;
/** Names that ran meanwhile, of each virtual machine. */
const MOST_NAMES = 2000;

export interface GuestInput {
	path: string;
	recording: AnyRecording;
}

/** Who ran on the host while the guest's virtual CPUs waited there. */
export interface RanRow {
	comm: SafeText;
	/** Control group. */
	unit: SafeText;
	/** Of the waiting. */
	wait_ns: Ns;
	/** Of all of it, 0–1. */
	share: number;
}

export interface GuestSide {
	path: string;
	host: SafeText;
	kernel: SafeText;
	cpus: Count;
	/** ISO 8601, by its own clock. */
	from: string;
	to: string;
	intervals: Count;
}

export interface Machine {
	pid: number;
	comm: SafeText;
	unit: SafeText;
	/** Σ of the waits for a CPU of all its threads, over the time that both have recorded. */
	wait_ns: Ns;
	cpu_ns: Ns;
}

export interface GuestReport {
	schema: 1;
	host: GuestSide;
	guest: GuestSide;
	alignment: Alignment;
	/** In words, with the uncertainty. */
	aligned: SafeText;
	/** The guest on the host; null: not found. */
	machine: Machine | null;
	/** How it was found, or why not. */
	found: SafeText;
	stolen: {
		/** As the guest says; null: its kernel does not report it. */
		steal_ns: Ns | null;
		/** Of the time of all its CPUs. */
		share: number | null;
		/** As the host saw it: waits of the virtual machine's threads over the same time of its CPUs. */
		waited_share: number | null;
		seconds: number;
	};
	/** Where names come from: who had the CPU that was waited for (record --culprits), or shares of all CPU time meanwhile. */
	by: 'culprits' | 'CPU time';
	rows: RanRow[];
}

/** A process of an overview. */
export interface OverviewRow {
	pid: number;
	start_time: number;
	comm: SafeText;
	cgroup: SafeText;
	cpu_ns: Ns | null;
	wait_ns: Ns | null;
}

interface Candidate {
	key: string;
	machine: Machine;
	waits: Amount[];
	cpu: Amount[];
}

interface Guest {
	side: GuestSide;
	steal: Amount[];
	/** CPU time of its processes and interrupts. */
	busy: Amount[];
	steal_ns: Ns | null;
	/** Σ of the time of its CPUs. */
	time_ns: Ns;
	step: number;
	first: number;
	last: number;
}

/** @param snapshot of an overview; undefined: none */
export const rowsOf = (snapshot: Snapshot | undefined): readonly OverviewRow[] =>
	(snapshot?.rows ?? []) as unknown as readonly OverviewRow[];

interface OverviewFields {
	totals?: { cpus?: number | null; busy_ns?: number | null; steal_ns?: number | null };
}

/** Rows of a process, of an overview or not grouped. */
export const isProcess = ({ pid }: OverviewRow): boolean => pid > 0;

/** The usual length of an interval. */
const median = (lengths: number[]): number => lengths.sort((a, b) => a - b)[lengths.length >> 1] as number;

function sideOf({ path, recording: { machine } }: GuestInput, from: number, to: number, intervals: Count): GuestSide {
	const { host, kernel, cpus } = machine;
	return { path, host, kernel, cpus, from: new Date(from).toISOString(), to: new Date(to).toISOString(), intervals };
}

const GUEST: Choice = { excerpts: { overview: { head: { ...EVERY_HEAD, totals: true } } }, coarse: false };

const HOST: Choice = {
	excerpts: {
		overview: {
			head: EVERY_HEAD,
			rows: { pid: true, start_time: true, comm: true, cgroup: true, cpu_ns: true, wait_ns: true },
		},
		// a short list is in the head
		runqlat: {
			head: { ...EVERY_HEAD, culprits: true },
			lists: { culprits: { pid: true, wait_ns: true, culprits: true } },
		},
	},
	coarse: false,
};

/** The longest interval, ms. */
const LONGEST = 3_600_000;

async function readGuest(input: GuestInput): Promise<Guest> {
	const steal: Amount[] = [];
	const busy: Amount[] = [];
	const lengths: number[] = [];
	let [first, last, time_ns, sum, known] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0, false];
	for await (const snapshot of input.recording.snapshots(undefined, GUEST)) {
		if (snapshot.tab !== 'overview') continue;
		const { totals } = snapshot as OverviewFields;
		const to = Date.parse(snapshot.time);
		const from = to - snapshot.dt_ns / 1e6;
		[first, last] = [Math.min(first, from), Math.max(last, to)];
		lengths.push(to - from);
		time_ns += snapshot.dt_ns * (totals?.cpus ?? input.recording.machine.cpus);
		if (typeof totals?.busy_ns === 'number') busy.push({ from, to, amount: totals.busy_ns });
		const amount = totals?.steal_ns;
		if (typeof amount !== 'number') continue;
		known = true;
		sum += amount;
		steal.push({ from, to, amount });
	}
	if (lengths.length === 0) throw new Error(`${input.path}: no overview was recorded`);
	return {
		side: sideOf(input, first, last, lengths.length),
		steal,
		busy,
		steal_ns: known ? sum : null,
		time_ns,
		step: median(lengths),
		first,
		last,
	};
}

/** Whether a process may be the guest. */
function matcher(named: string): (row: OverviewRow) => boolean {
	if (named === '') return ({ comm }) => HYPERVISORS.test(comm);
	return ({ pid, comm, cgroup }) => String(pid) === named || comm.includes(named) || cgroup.includes(named);
}

function addRan(ran: Map<string, RanRow>, comm: SafeText, unit: SafeText, wait_ns: Ns): void {
	const key = `${comm}\0${unit}`;
	const row = ran.get(key);
	if (row) row.wait_ns += wait_ns;
	else if (ran.size < MOST_NAMES) ran.set(key, { comm, unit, wait_ns, share: 0 });
}

export interface Blame {
	pid: number;
	wait_ns: Ns;
	culprits: readonly { pid: number; comm: SafeText; wait_ns: Ns }[];
}

/** Names of who ran while one process waited in an interval, and how much of its waiting each of them is. */
export function ranMeanwhile(
	pid: number,
	wait_ns: Ns,
	rows: readonly OverviewRow[],
	blamed: readonly Blame[],
): { exact: boolean; ran: { comm: SafeText; unit: SafeText; wait_ns: Ns }[] } {
	const own = blamed.find((one) => one.pid === pid && one.wait_ns > 0);
	if (own) {
		const unitOf = new Map(rows.map((row) => [row.pid, row.cgroup]));
		return {
			exact: true,
			ran: own.culprits.map((culprit) => ({
				comm: culprit.comm,
				unit: unitOf.get(culprit.pid) ?? safe``,
				wait_ns: (culprit.wait_ns / own.wait_ns) * wait_ns,
			})),
		};
	}
	const others = rows.filter((row) => isProcess(row) && row.pid !== pid && (row.cpu_ns ?? 0) > 0);
	const all = others.reduce((sum, { cpu_ns }) => sum + (cpu_ns ?? 0), 0);
	return {
		exact: false,
		ran: others.map(({ comm, cgroup, cpu_ns }) => ({ comm, unit: cgroup, wait_ns: ((cpu_ns ?? 0) / all) * wait_ns })),
	};
}

interface Host {
	side: GuestSide;
	candidates: Candidate[];
	step: number;
}

const keyOf = ({ pid, start_time }: OverviewRow): string => `${pid} ${start_time}`;

/** @param part that has all intervals which are asked for */
async function* overviews(
	input: GuestInput,
	part?: Part,
): AsyncGenerator<{ snapshot: Snapshot; blamed: readonly Blame[]; from: number; to: number }> {
	let blamed: readonly Blame[] = [];
	let blamedAt: Ns = Number.NEGATIVE_INFINITY;
	for await (const snapshot of input.recording.snapshots(part, HOST)) {
		if (snapshot.tab === 'runqlat') {
			blamed = (snapshot as { culprits?: readonly Blame[] }).culprits ?? [];
			blamedAt = snapshot.mono_ns;
		}
		if (snapshot.tab !== 'overview') continue;
		const to = Date.parse(snapshot.time);
		const fresh = Math.abs(blamedAt - snapshot.mono_ns) < snapshot.dt_ns / 2;
		yield { snapshot, blamed: fresh ? blamed : [], from: to - snapshot.dt_ns / 1e6, to };
	}
}

/** Waits and CPU time of every process that may be the guest. */
async function readHost(input: GuestInput, named: string): Promise<Host> {
	const isCandidate = matcher(named);
	const candidates = new Map<string, Candidate>();
	const lengths: number[] = [];
	let [first, last] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
	for await (const { snapshot, from, to } of overviews(input)) {
		[first, last] = [Math.min(first, from), Math.max(last, to)];
		lengths.push(to - from);
		for (const row of rowsOf(snapshot)) {
			if (!isProcess(row) || !isCandidate(row)) continue;
			const key = keyOf(row);
			let candidate = candidates.get(key);
			if (!candidate) {
				if (candidates.size >= MOST_MACHINES) continue;
				const { pid, comm, cgroup } = row;
				candidate = { key, machine: { pid, comm, unit: cgroup, wait_ns: 0, cpu_ns: 0 }, waits: [], cpu: [] };
				candidates.set(key, candidate);
			}
			candidate.waits.push({ from, to, amount: row.wait_ns ?? 0 });
			candidate.cpu.push({ from, to, amount: row.cpu_ns ?? 0 });
		}
	}
	if (lengths.length === 0) throw new Error(`${input.path}: no overview was recorded`);
	return {
		side: sideOf(input, first, last, lengths.length),
		candidates: [...candidates.values()],
		step: median(lengths),
	};
}

/** Who ran while a process waited, over the time that both have recorded. */
async function readRan(input: GuestInput, guest: Guest, { key, machine }: Candidate, offset: number) {
	const ran = new Map<string, RanRow>();
	let exact: Ns = 0;
	const part = { from: guest.first + offset, to: guest.last + offset + LONGEST };
	for await (const { snapshot, blamed, from, to } of overviews(input, part)) {
		if (from >= guest.last + offset || to <= guest.first + offset) continue;
		const rows = rowsOf(snapshot);
		const row = rows.find((one) => keyOf(one) === key);
		const wait = row?.wait_ns ?? 0;
		machine.wait_ns += wait;
		machine.cpu_ns += row?.cpu_ns ?? 0;
		if (!row || wait <= 0) continue;
		const found = ranMeanwhile(row.pid, wait, rows, blamed);
		if (found.exact) exact += wait;
		for (const { comm, unit, wait_ns } of found.ran) addRan(ran, comm, unit, wait_ns);
	}
	return { rows: [...ran.values()], exact };
}

/** A distance in time for people. */
const seconds = (ms: number): SafeText => safe`${(ms / 1000).toFixed(2) as never} s`;

function offsetText({ offset_ms }: Alignment): SafeText {
	return safe`the guest's clock is ${seconds(Math.abs(offset_ms))} ${(offset_ms < 0 ? 'ahead of' : 'behind') as never} the host's`;
}

function alignedText(alignment: Alignment, by: Signal | null, steal_ns: Ns | null): SafeText {
	const { method, offset_ms, uncertainty_ms, correlation } = alignment;
	const r = correlation === null ? safe`` : safe` (correlation ${correlation.toFixed(2) as never})`;
	if (method === 'correlation') {
		const what = by === 'CPU time' ? safe`by CPU time on both sides` : safe`by stolen time against waits`;
		return safe`${what}${r}: ${offsetText(alignment)}, ± ${seconds(uncertainty_ms ?? 0)}`;
	}
	const given = offset_ms === 0 ? safe`` : safe` and --offset: ${offsetText(alignment)}`;
	if (steal_ns === null)
		return safe`by wall clock${given}, unchecked: the guest reports no stolen time, CPU times differ`;
	if (steal_ns === 0) return safe`by wall clock${given}, unchecked: nothing was stolen, CPU times differ`;
	return safe`by wall clock${given}, unchecked: stolen time and waits differ${r}`;
}

type Signal = 'stolen time' | 'CPU time';

interface Match {
	candidate: Candidate;
	alignment: Alignment;
	by: Signal;
}

/** The process whose time agrees best with the guest's; undefined: none does. */
function matchOf(candidates: readonly Candidate[], guest: Guest, step: number): Match | undefined {
	const best = (by: Signal, of: (candidate: Candidate) => Alignment): Match | undefined =>
		candidates
			.map((candidate) => ({ candidate, alignment: of(candidate), by }))
			.filter(({ alignment }) => alignment.method === 'correlation')
			.sort((a, b) => (b.alignment.correlation ?? 0) - (a.alignment.correlation ?? 0))[0];
	return (
		(guest.steal_ns ? best('stolen time', ({ waits }) => align(waits, guest.steal, step)) : undefined) ??
		// what keeps the guest's CPUs busy is CPU time of the process on the host
		best('CPU time', ({ cpu }) => align(cpu, guest.busy, step))
	);
}

export interface GuestChoice {
	/** pid, or part of the name or control group of the virtual machine on the host; empty: found by itself. */
	named: string;
	/** To be added to the guest's times, ms, where nothing aligns them; undefined: 0. */
	offset_ms?: number | undefined;
}

export async function compareGuest(
	host: GuestInput,
	guest: GuestInput,
	{ named, offset_ms }: GuestChoice,
): Promise<GuestReport> {
	const inside = await readGuest(guest);
	const outside = await readHost(host, named);
	const match =
		offset_ms === undefined ? matchOf(outside.candidates, inside, Math.max(inside.step, outside.step)) : undefined;
	const alignment = match?.alignment ?? byWallClock(offset_ms ?? 0);
	const here = outside.candidates.filter(({ waits }) => {
		const { first, last } = inside;
		return waits.some(({ from, to }) => from < last + alignment.offset_ms && to > first + alignment.offset_ms);
	});
	const candidate = match?.candidate ?? (here.length === 1 ? here[0] : undefined);
	const { rows: all, exact } = candidate
		? await readRan(host, inside, candidate, alignment.offset_ms)
		: { rows: [], exact: 0 };
	const machine = candidate?.machine ?? null;
	const total = all.reduce((sum, { wait_ns }) => sum + wait_ns, 0);
	return {
		schema: 1,
		host: outside.side,
		guest: inside.side,
		alignment,
		aligned: alignedText(alignment, match?.by ?? null, inside.steal_ns),
		machine,
		found: foundText(match, machine, here, named, { inside, outside, offset: alignment.offset_ms }),
		stolen: {
			steal_ns: inside.steal_ns,
			share: inside.steal_ns === null ? null : inside.steal_ns / inside.time_ns,
			waited_share: machine === null ? null : machine.wait_ns / inside.time_ns,
			seconds: (inside.last - inside.first) / 1000,
		},
		by: machine && exact > machine.wait_ns / 2 ? 'culprits' : 'CPU time',
		rows: all
			.map((row) => ({ ...row, wait_ns: Math.round(row.wait_ns), share: total > 0 ? row.wait_ns / total : 0 }))
			.sort((a, b) => b.wait_ns - a.wait_ns || (a.comm < b.comm ? -1 : 1)),
	};
}

function foundText(
	match: Match | undefined,
	machine: Machine | null,
	here: readonly Candidate[],
	named: string,
	{ inside, outside, offset }: { inside: Guest; outside: Host; offset: number },
): SafeText {
	if (match)
		return match.by === 'CPU time'
			? safe`its CPU time agrees with the guest's`
			: safe`its waits agree with the guest's stolen time`;
	if (machine)
		return named === ''
			? safe`the only virtual machine that ran`
			: safe`the only process that matches '${sanitize(named)}'`;
	const [first, last] = [Date.parse(outside.side.from), Date.parse(outside.side.to)];
	if (inside.first + offset >= last || inside.last + offset <= first)
		return safe`the recordings have no time in common by their clocks; --offset SECONDS moves the guest's`;
	if (here.length === 0)
		return named === ''
			? safe`no process of a known hypervisor (qemu, cloud-hypervisor, firecracker, …) ran meanwhile; --vm names another`
			: safe`no process matches '${sanitize(named)}'`;
	const names = here.slice(0, 5).map(({ machine: { comm, pid } }) => `${comm}[${pid}]`);
	return safe`${here.length} virtual machines ran, and none agrees with the guest: --vm PID of ${sanitize(names.join(', '))}`;
}
