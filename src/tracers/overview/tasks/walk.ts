/** All user-space tasks at one moment: state, reason of sleep, memory; and their sockets and pipes. bpf/overview/overview.bpf.c */
import type { BpfSession } from '../../../bpf/bpf-session.ts';
import { openBpf } from '../../../bpf/load.ts';
import { displacedSleepers, waitedOptions } from '../../../bpf/run-delay.ts';
import type { BpfCost, Host } from '../../../core/tracer.ts';
import {
	type channel_record as ChannelRecord,
	channel_record,
	maps,
	task_record,
	task_rests,
} from '../../../generated/overview.ts';
import { monotonicNs } from '../../../lib/clock.ts';
import { viewOf } from '../../../lib/decode.ts';
import { type SafeText, sanitize } from '../../../lib/sanitize.ts';
import type { Bytes, Count, Ns } from '../../../lib/units.ts';
import { KernelFunctions } from '../../../symbols/kernel-functions.ts';
import { reasonOf, type SleepReason, sleepFunctions } from './reasons.ts';

/** R: runnable; S, D: asleep, D uninterruptibly; T: stopped; t: traced; I: idle; Z: ended, not waited for by its parent. */
export type StateLetter = 'R' | 'S' | 'D' | 'T' | 't' | 'I' | 'Z' | 'X';

export interface TaskNow {
	tid: number;
	comm: SafeText;
	state: StateLetter;
	/** Since it last ran; 0: it is runnable. */
	asleep_ns: Ns;
	/** Switches away from it so far; those because it slept. */
	switches: Count;
	sleeps: Count;
	cpu_ns: Ns;
	/** Waits for a CPU so far, without its sleep (bpf/lib/run-delay.bpf.h). */
	delay_ns: Ns;
	/** Of a sleeping task. */
	reason: SleepReason | null;
	/** The function by which the reason is known; empty: none. */
	wchan: SafeText;
	/** It has not run since the last walk; absent: it has, or is new. */
	rests?: boolean;
}

export interface ProcessNow {
	pid: number;
	/** ns since boot. */
	start: Ns;
	comm: SafeText;
	/** 0: outside of this machine's view. */
	parent: number;
	threads: Count;
	/** −20 to 19. */
	nice: number;
	/** Real time policy (FIFO, RR, deadline). */
	realtime: boolean;
	/** Resident: the kernel's own counters, exact to 32 pages per CPU. */
	rss_bytes: Bytes;
	swap_bytes: Bytes;
	/** Since its start. */
	minor_faults: Count;
	major_faults: Count;
	/** Its threads; the first one is the leader unless that has ended. */
	tasks: TaskNow[];
	/** None of its threads has run, begun or ended since the last walk; absent: one has. */
	rests?: boolean;
}

/** An end of a pipe, a connected socket, or an internet socket with a port, in a process. */
export interface Channel {
	pid: number;
	fd: number;
	kind: 'pipe' | 'unix' | 'tcp';
	/** Readable 1, writable 2. */
	mode: number;
	inode: number;
	/** Of a Unix socket: inode of the other end. */
	peer: number;
	/** Of an internet socket: both ends as text, `192.0.2.1:5432`; equal ends of two sockets are a connection. */
	local: string;
	remote: string;
	established: boolean;
	/** Port of this end; 0: not an internet socket. */
	port: number;
	/** It waits for connections. */
	listens: boolean;
	/** A Unix socket with a name: on the side that accepted. */
	named: boolean;
	/** Of TCP: received, and acknowledged by the other end, so far. */
	bytes: Bytes;
	/** Of TCP: segments received and sent, so far, modulo 2^32. */
	packets: Count;
}

const PAGE: Bytes = 4096;

const letters: readonly (readonly [bit: number, letter: StateLetter])[] = [
	[0x402, 'I'],
	[0x2, 'D'],
	[0x4, 'T'],
	[0x8, 't'],
	[0x1, 'S'],
];

/** As proc has it: the idle state is a sleep that does not count as load. */
export function stateLetter(state: number, exit: number): StateLetter {
	if (exit & 0x20) return 'Z';
	if (exit & 0x10) return 'X';
	if (state === 0) return 'R';
	return letters.find(([bits]) => (state & bits) === bits)?.[1] ?? 'S';
}

interface Sleep {
	switches: Count;
	reason: SleepReason;
	wchan: SafeText;
}

/** A thread from walk to walk. */
interface Kept {
	task: TaskNow;
	process: ProcessNow;
	/** Of an earlier or the present sleep. */
	sleep: Sleep | undefined;
	/** Page faults that the process has from it. */
	minor: Count;
	major: Count;
	/** The last walk that found it. */
	walk: number;
}

export class TaskWalk {
	private readonly bpf: BpfSession;
	readonly functions = new KernelFunctions();
	private readonly kept = new Map<number, Kept>();
	private readonly found = new Map<number, ProcessNow>();
	/** Page faults of threads that have ended, by pid, until the record of the leader has them. */
	private readonly ended = new Map<number, { minor: Count; major: Count }>();
	private readonly names = new Map<number, { bytes: Uint8Array; text: SafeText }>();
	private walkedAt: Ns = 0;
	private walks = 0;
	private number = 0;
	/** Resolves when kernel functions are known, or cannot be. */
	readonly ready: Promise<boolean>;

	/** @throws {Unavailable} where the kernel refuses iterators */
	constructor(host: Host) {
		this.bpf = openBpf(host, 'overview', { ...waitedOptions(host), layout: {} });
		this.ready = this.functions.load(host.procRoot, sleepFunctions);
	}

	/**
	 * Every process. The map and what is in it are the same objects in every walk, changed in place: of threads that rest the kernel
	 * reports no more than that.
	 */
	read(): Map<number, ProcessNow> {
		const begun = monotonicNs();
		// a tenth of a second more: time asleep is short by the interrupts meanwhile
		const window = this.walks > 0 && this.functions.ready ? begun - this.walkedAt + 1e8 : 0;
		if (this.functions.ready) this.walks++;
		const elapsed = begun - this.walkedAt;
		this.walkedAt = begun;
		this.number++;
		const request = new Uint8Array(maps.request.value.size);
		viewOf(request).setBigUint64(0, BigInt(Math.round(window)), true);
		viewOf(request).setBigUint64(8, this.number === 1 ? 1n : 0n, true);
		viewOf(request).setBigUint64(16, BigInt(this.number), true);
		this.bpf.object.update(maps.request.name, new Uint8Array(4), request);
		// makes the kernel update the clock of this CPU, by which times asleep are measured
		process.cpuUsage();
		this.take(this.bpf.iterate('walk_tasks'), elapsed);
		this.sweep();
		return this.found;
	}

	/** All pipes and connected sockets that processes have open. */
	channels(): Channel[] {
		const view = this.bpf.iterate('walk_files');
		const found: Channel[] = [];
		for (let at = 0; at + channel_record.size <= view.byteLength; at += channel_record.size)
			found.push(channelOf(channel_record.read(view, at)));
		return found;
	}

	displaced(): Count {
		return displacedSleepers(this.bpf);
	}

	get hooks(): readonly string[] {
		return this.bpf.hooks;
	}

	cost(fresh?: boolean): BpfCost {
		return this.bpf.cost(fresh);
	}

	close(): void {
		this.bpf.close();
	}

	/** @param elapsed since the last walk, ns */
	private take(view: DataView, elapsed: Ns): void {
		for (const process of this.found.values()) process.rests = true;
		for (let at = 0; at + task_rests.size <= view.byteLength; ) {
			if (view.getUint32(at, true) !== 0) {
				at = this.takeTask(view, at);
				continue;
			}
			const kept = this.kept.get(view.getUint32(at + task_rests.at.tid, true));
			at += task_rests.size;
			// never: what has not been seen is reported whole
			if (!kept) continue;
			kept.walk = this.number;
			kept.task.rests = true;
			kept.task.asleep_ns += elapsed;
		}
	}

	/** A record with its stack. Returns where it ends. */
	private takeTask(view: DataView, at: number): number {
		const record = task_record.read(view, at);
		const stack = at + task_record.size;
		const { tgid, tid, start } = record;
		let kept = this.kept.get(tid);
		if (kept && (kept.process.pid !== tgid || kept.process.start !== start)) {
			this.drop(tid, kept);
			kept = undefined;
		}
		const process = this.processOf(record);
		const ended = tid === tgid ? this.ended.get(tgid) : undefined;
		process.minor_faults += record.minor_faults - (kept?.minor ?? 0) - (ended?.minor ?? 0);
		process.major_faults += record.major_faults - (kept?.major ?? 0) - (ended?.major ?? 0);
		if (ended) this.ended.delete(tgid);
		const sleep = record.asleep_ns > 0 ? this.sleepOf(record, view, stack, kept?.sleep) : undefined;
		const now = {
			tid,
			comm: tid === tgid ? process.comm : this.nameOf(tid, record.comm),
			state: stateLetter(record.state, record.exit_state),
			asleep_ns: record.asleep_ns,
			switches: record.switches,
			sleeps: record.sleeps,
			cpu_ns: record.cpu_ns,
			delay_ns: record.waited_ns,
			reason: sleep?.reason ?? null,
			wchan: sleep?.wchan ?? ('' as SafeText),
			rests: kept !== undefined && record.unchanged !== 0,
		};
		if (!now.rests) process.rests = false;
		const [minor, major, walk] = [record.minor_faults, record.major_faults, this.number];
		if (kept) {
			Object.assign(kept.task, now);
			Object.assign(kept, { sleep, minor, major, walk });
		} else {
			process.tasks.push(now);
			this.kept.set(tid, { task: now, process, sleep, minor, major, walk });
		}
		return stack + record.frames * 8;
	}

	/** The process of a record, with what the record says of it. */
	private processOf(record: ReturnType<typeof task_record.read>): ProcessNow {
		const { tgid, tid, start } = record;
		let process = this.found.get(tgid);
		if (!process || process.start !== start) {
			process = {
				...{ pid: tgid, start, comm: this.nameOf(tid, record.comm), parent: 0, threads: 0, nice: 0, realtime: false },
				...{ rss_bytes: 0, swap_bytes: 0, minor_faults: 0, major_faults: 0, tasks: [], rests: false },
			};
			this.found.set(tgid, process);
		}
		if (tid === tgid) {
			process.comm = this.nameOf(tid, record.comm);
			process.nice = record.priority - 120;
			process.realtime = record.policy === 1 || record.policy === 2 || record.policy === 6;
		}
		process.parent = record.parent;
		process.threads = record.threads;
		process.rss_bytes = record.rss_pages * PAGE;
		process.swap_bytes = record.swap_pages * PAGE;
		return process;
	}

	/** Threads that the walk did not find have ended. */
	private sweep(): void {
		for (const [tid, kept] of this.kept) if (kept.walk !== this.number) this.drop(tid, kept);
	}

	private drop(tid: number, { process, task, minor, major }: Kept): void {
		this.kept.delete(tid);
		process.tasks = process.tasks.filter((one) => one !== task);
		process.rests = false;
		const { pid } = process;
		if (process.tasks.length === 0) {
			if (this.found.get(pid) === process) this.found.delete(pid);
			this.ended.delete(pid);
			return;
		}
		// the kernel adds them to those of the process, which the leader's next whole record has
		const ended = this.ended.get(pid) ?? { minor: 0, major: 0 };
		this.ended.set(pid, { minor: ended.minor + minor, major: ended.major + major });
	}

	private sleepOf(
		{ switches, frames, unchanged }: Pick<ReturnType<typeof task_record.read>, 'switches' | 'frames' | 'unchanged'>,
		view: DataView,
		stack: number,
		before: Sleep | undefined,
	): Sleep {
		if (before && this.walks > 1 && (before.switches === switches || unchanged !== 0)) return before;
		let reason: SleepReason | undefined;
		let wchan = '';
		// outermost first: the first known function is the reason, the innermost one of the same reason its name
		for (let frame = frames - 1; frame >= 0; frame--) {
			const name = this.functions.at(view.getUint32(stack + frame * 8, true));
			if (name === undefined) continue;
			reason ??= reasonOf(name);
			if (reasonOf(name) === reason) wchan = name;
		}
		return { switches, reason: reason ?? 'other', wchan: wchan as SafeText };
	}

	private nameOf(tid: number, bytes: Uint8Array): SafeText {
		const known = this.names.get(tid);
		if (known?.bytes.every((byte, index) => byte === bytes[index])) return known.text;
		if (this.names.size >= 50_000) this.names.clear();
		const kept = { bytes: bytes.slice(), text: sanitize(bytes) };
		this.names.set(tid, kept);
		return kept.text;
	}
}

/** Text of an address; IPv4 within IPv6 as IPv4, so that both ends agree. */
function addressOf(words: Uint32Array, port: number, v6: boolean): string {
	const bytes = new Uint8Array(words.buffer, words.byteOffset, v6 ? 16 : 4);
	const mapped = v6 && bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
	if (!v6 || mapped) return `${bytes.subarray(mapped ? 12 : 0).join('.')}:${port}`;
	const groups = Array.from({ length: 8 }, (_, index) =>
		(((bytes[index * 2] as number) << 8) | (bytes[index * 2 + 1] as number)).toString(16),
	);
	return `[${groups.join(':').replace(/(^|:)0(:0)+(:|$)/, '::')}]:${port}`;
}

function channelOf(record: ChannelRecord): Channel {
	const v6 = record.kind === 4;
	const inet = record.kind >= 3;
	return {
		pid: record.tgid,
		fd: record.fd,
		kind: record.kind === 1 ? 'pipe' : record.kind === 2 ? 'unix' : 'tcp',
		mode: record.mode,
		inode: record.inode,
		peer: record.peer,
		local: inet ? addressOf(record.local, record.local_port, v6) : '',
		remote: inet ? addressOf(record.remote, record.remote_port, v6) : '',
		established: record.socket_state === 1,
		port: inet ? record.local_port : 0,
		listens: inet && record.socket_state === 10,
		named: record.named !== 0,
		bytes: record.bytes,
		packets: record.packets % 2 ** 32,
	};
}
