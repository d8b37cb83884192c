/**
 * A guest's recording beside one of its host: when both are aligned, the guest's stolen time is the time for which its
 * virtual CPUs waited for a CPU of the host, and the host's recording has the names of who ran meanwhile.
 */
import type { Snapshot } from '../../core/snapshot.ts';
import { type SafeText, safe, sanitize } from '../../lib/sanitize.ts';
import type { Count, Ns } from '../../lib/units.ts';
import type { AnyRecording } from '../recordings.ts';
import { type Alignment, type Amount, align } from './align.ts';

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

interface Row {
	pid: number;
	start_time: number;
	comm: SafeText;
	cgroup: SafeText;
	cpu_ns: Ns | null;
	wait_ns: Ns | null;
}

interface Candidate {
	machine: Machine;
	waits: Amount[];
	ran: Map<string, RanRow>;
	exact: Ns;
}

interface Guest {
	side: GuestSide;
	steal: Amount[];
	steal_ns: Ns | null;
	/** Σ of the time of its CPUs. */
	time_ns: Ns;
	step: number;
	first: number;
	last: number;
}

const rowsOf = (snapshot: Snapshot): readonly Row[] => snapshot.rows as unknown as readonly Row[];

interface OverviewFields {
	totals?: { cpus?: number | null; steal_ns?: number | null };
}

/** Rows of a process, of an overview or not grouped. */
const isProcess = ({ pid }: Row): boolean => pid > 0;

function sideOf({ path, recording: { machine } }: GuestInput, from: number, to: number, intervals: Count): GuestSide {
	const { host, kernel, cpus } = machine;
	return { path, host, kernel, cpus, from: new Date(from).toISOString(), to: new Date(to).toISOString(), intervals };
}

async function readGuest(input: GuestInput): Promise<Guest> {
	const steal: Amount[] = [];
	const lengths: number[] = [];
	let [first, last, time_ns, sum, known] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0, false];
	for await (const snapshot of input.recording.snapshots()) {
		if (snapshot.tab !== 'overview') continue;
		const { totals } = snapshot as OverviewFields;
		const to = Date.parse(snapshot.time);
		const from = to - snapshot.dt_ns / 1e6;
		[first, last] = [Math.min(first, from), Math.max(last, to)];
		lengths.push(to - from);
		time_ns += snapshot.dt_ns * (totals?.cpus ?? input.recording.machine.cpus);
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
		steal_ns: known ? sum : null,
		time_ns,
		step: lengths.sort((a, b) => a - b)[lengths.length >> 1] as number,
		first,
		last,
	};
}

/** Whether a process may be the guest. */
function matcher(named: string): (row: Row) => boolean {
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
	rows: readonly Row[],
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

async function readHost(input: GuestInput, guest: Guest, named: string): Promise<Host> {
	const isCandidate = matcher(named);
	const candidates = new Map<string, Candidate>();
	const lengths: number[] = [];
	let [first, last] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
	let blamed: readonly Blame[] = [];
	let blamedAt: Ns = Number.NEGATIVE_INFINITY;
	for await (const snapshot of input.recording.snapshots()) {
		if (snapshot.tab === 'runqlat') {
			blamed = (snapshot as { culprits?: readonly Blame[] }).culprits ?? [];
			blamedAt = snapshot.mono_ns;
		}
		if (snapshot.tab !== 'overview') continue;
		const to = Date.parse(snapshot.time);
		const from = to - snapshot.dt_ns / 1e6;
		[first, last] = [Math.min(first, from), Math.max(last, to)];
		lengths.push(to - from);
		const rows = rowsOf(snapshot);
		const together = from < guest.last && to > guest.first;
		for (const row of rows) {
			if (!isProcess(row) || !isCandidate(row)) continue;
			const key = `${row.pid} ${row.start_time}`;
			let candidate = candidates.get(key);
			if (!candidate) {
				if (candidates.size >= MOST_MACHINES) continue;
				const { pid, comm, cgroup } = row;
				candidate = {
					machine: { pid, comm, unit: cgroup, wait_ns: 0, cpu_ns: 0 },
					waits: [],
					ran: new Map(),
					exact: 0,
				};
				candidates.set(key, candidate);
			}
			const wait = row.wait_ns ?? 0;
			candidate.waits.push({ from, to, amount: wait });
			if (!together) continue;
			candidate.machine.wait_ns += wait;
			candidate.machine.cpu_ns += row.cpu_ns ?? 0;
			if (wait <= 0) continue;
			const fresh = Math.abs(blamedAt - snapshot.mono_ns) < snapshot.dt_ns / 2 ? blamed : [];
			const { exact, ran } = ranMeanwhile(row.pid, wait, rows, fresh);
			if (exact) candidate.exact += wait;
			for (const { comm, unit, wait_ns } of ran) addRan(candidate.ran, comm, unit, wait_ns);
		}
	}
	if (lengths.length === 0) throw new Error(`${input.path}: no overview was recorded`);
	return {
		side: sideOf(input, first, last, lengths.length),
		candidates: [...candidates.values()],
		step: lengths.sort((a, b) => a - b)[lengths.length >> 1] as number,
	};
}

const WALL_CLOCK: Alignment = {
	method: 'wall clock',
	offset_ms: 0,
	uncertainty_ms: null,
	correlation: null,
	bins: 0,
};

/** A distance in time for people. */
const seconds = (ms: number): SafeText => safe`${(ms / 1000).toFixed(2) as never} s`;

function alignedText({ method, offset_ms, uncertainty_ms, correlation }: Alignment, steal_ns: Ns | null): SafeText {
	const r = correlation === null ? safe`` : safe` (correlation ${correlation.toFixed(2) as never})`;
	if (method === 'correlation') {
		const ahead = offset_ms < 0 ? 'ahead of' : 'behind';
		const distance = Math.abs(offset_ms);
		return safe`by stolen time against waits${r}: the guest's clock is ${seconds(distance)} ${ahead as never} the host's, ± ${seconds(uncertainty_ms ?? 0)}`;
	}
	if (steal_ns === null) return safe`by wall clock, unchecked: the guest's kernel reports no stolen time`;
	if (steal_ns === 0) return safe`by wall clock, unchecked: nothing was stolen`;
	return safe`by wall clock, unchecked: stolen time and waits do not agree well enough${r}`;
}

/** @param named pid, or part of the name or control group of the virtual machine on the host; empty: found by itself */
export async function compareGuest(host: GuestInput, guest: GuestInput, named: string): Promise<GuestReport> {
	const inside = await readGuest(guest);
	const outside = await readHost(host, inside, named);
	const step = Math.max(inside.step, outside.step);
	const judged = outside.candidates.map((candidate) => ({
		candidate,
		alignment: inside.steal_ns ? align(candidate.waits, inside.steal, step) : WALL_CLOCK,
	}));
	const agree = judged
		.filter(({ alignment }) => alignment.method === 'correlation')
		.sort((a, b) => (b.alignment.correlation ?? 0) - (a.alignment.correlation ?? 0));
	const here = judged.filter(({ candidate }) => candidate.machine.cpu_ns + candidate.machine.wait_ns > 0);
	const chosen = agree[0] ?? (here.length === 1 ? here[0] : undefined);
	const alignment = chosen?.alignment ?? WALL_CLOCK;
	const candidate = chosen?.candidate;
	const machine = candidate?.machine ?? null;
	const all = candidate ? [...candidate.ran.values()] : [];
	const total = all.reduce((sum, { wait_ns }) => sum + wait_ns, 0);
	return {
		schema: 1,
		host: outside.side,
		guest: inside.side,
		alignment,
		aligned: alignedText(alignment, inside.steal_ns),
		machine,
		found: foundText(
			machine,
			agree.length > 0,
			here.map((one) => one.candidate.machine),
			named,
		),
		stolen: {
			steal_ns: inside.steal_ns,
			share: inside.steal_ns === null ? null : inside.steal_ns / inside.time_ns,
			waited_share: machine === null ? null : machine.wait_ns / inside.time_ns,
			seconds: (inside.last - inside.first) / 1000,
		},
		by: candidate && candidate.exact > candidate.machine.wait_ns / 2 ? 'culprits' : 'CPU time',
		rows: all
			.map((row) => ({ ...row, wait_ns: Math.round(row.wait_ns), share: total > 0 ? row.wait_ns / total : 0 }))
			.sort((a, b) => b.wait_ns - a.wait_ns || (a.comm < b.comm ? -1 : 1)),
	};
}

function foundText(machine: Machine | null, agrees: boolean, here: readonly Machine[], named: string): SafeText {
	if (machine && agrees) return safe`its waits agree with the guest's stolen time`;
	if (machine)
		return named === ''
			? safe`the only virtual machine that ran`
			: safe`the only process that matches '${sanitize(named)}'`;
	if (here.length === 0)
		return named === ''
			? safe`no process of a known hypervisor (qemu, cloud-hypervisor, firecracker, …) ran meanwhile; --vm names another`
			: safe`no process matches '${sanitize(named)}'`;
	const names = here.slice(0, 5).map(({ comm, pid }) => `${comm}[${pid}]`);
	return safe`${here.length} virtual machines ran, and none agrees with the guest's stolen time: --vm PID of ${sanitize(names.join(', '))}`;
}
