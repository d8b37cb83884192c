/**
 * CPU time of every process by the traditional method: `/proc/PID/stat` of all of them, periodically. It needs neither
 * privilege nor BPF, at a price: times have the resolution of clock ticks (10 ms), a process that starts and ends between
 * two samples is never seen, and time used after the last sample of a process is lost. `missed_ns` is the size of that
 * error, by comparison with `/proc/stat`, which includes all processes.
 *
 * Nothing here blocks: the owner calls {@link ProcSampler.sample} from its timer and {@link ProcSampler.read} at the end
 * of an interval.
 */

import { closeSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import { resolve } from 'node:path';
import { Unavailable } from '../../../core/errors.ts';
import type { Source } from '../../../core/snapshot.ts';
import { kernelBootNs, monotonicNs, threadCpu } from '../../../lib/clock.ts';
import { type ForeignBytes, latin1Name, sameName } from '../../../lib/decode.ts';
import { readBytes, readLatin1 } from '../../../lib/read-file.ts';
import { type SafeText, sanitize } from '../../../lib/sanitize.ts';
import type { Count, Ns } from '../../../lib/units.ts';
import { groupPath } from '../../../system/v1-groups.ts';
import { blindSpots } from './blind-spots.ts';
import { ProcMachine } from './machine.ts';
import { type ProcLost, type ProcReading, type ProcRow, type ProcSamplerOptions, SAMPLE_PERIOD } from './reading.ts';
import { clockTicksPerSecond, emptyProcessStat, parseProcessStat, ticksToNs } from './stat.ts';

/** Longest line: 52 fields of up to 20 digits and a name of up to 64 bytes. */
const LINE_BYTES = 2048;
/** Most ended processes that are kept in one interval; the others are only counted. */
const MAX_ENDED = 65_536;

/** Instead of a length: the process has ended / exists but cannot be read. */
const GONE = -1;
const REFUSED = -2;

const ZOMBIE = 0x5a;
const DEAD = 0x58;
const BACKSLASH = 0x5c;

interface Entry {
	readonly name: string;
	readonly pid: number;
	/** Clock ticks, like all times here. */
	readonly start: number;
	/** CPU time now / at the begin of the interval / at its first sample (0: sampled since its start). */
	cpu: number;
	cpuBefore: number;
	readonly cpuAtFirst: number;
	threads: Count;
	comm: SafeText;
	/** The bytes that `comm` was made from, a character for each. */
	rawComm: string | undefined;
	cgroup: SafeText | undefined;
	/** Its stat file, kept open, which halves the cost of a read. -1: not open. */
	fd: number;
	/** Number of the last sample that listed it. */
	seen: number;
	/** Was reported as ended (a zombie stays listed until its parent waits for it). */
	reported: boolean;
}

/**
 * An open file costs the kernel a page and this process a descriptor, which other parts need too: at most a quarter of
 * the process's limit, and at most 1024.
 */
function maxOpenFiles(): number {
	try {
		const soft = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
		return Math.min(1024, Math.floor(Number(soft ?? 256) / 4));
	} catch {
		return 64;
	}
}

function errorCode(error: unknown): string {
	return (error as NodeJS.ErrnoException).code ?? '';
}

/** Codes for an ended process: its directory is gone, or its file is open but without a process. */
function isGone(code: string): boolean {
	return code === 'ENOENT' || code === 'ESRCH';
}

export class ProcSampler {
	private readonly root: string;
	private readonly ticks: number;
	private readonly period: Ns;
	private readonly cgroups: boolean;
	private maxOpen: number;
	private held = 0;
	private readonly line = Buffer.alloc(LINE_BYTES);
	private readonly stat = emptyProcessStat();
	/** Opened by the last `load`, and not yet closed or moved to an entry. */
	private fresh = -1;
	private readonly machine: ProcMachine;

	/** By the name of its directory. */
	private readonly entries = new Map<string, Entry>();
	/** Ended since the last reading. */
	private ended: Entry[] = [];
	/** Directories that refused access, with the number of the reading of the last try. */
	private readonly denied = new Map<string, number>();
	private readonly lost: ProcLost = { vanished: 0, denied: 0, garbled: 0, failed: 0, overflow: 0 };
	private round = 0;
	private readings = 0;
	/** A process that started after the begin of the previous sample is new; what others used before is not known. */
	private newSince = Number.POSITIVE_INFINITY;

	private samples = 0;
	private cost: Ns = 0;
	private readAt: Ns;

	/** Takes the first sample, the baseline of the first interval. Throws {@link Unavailable} without proc. */
	constructor(options: ProcSamplerOptions = {}) {
		this.root = resolve(options.procRoot ?? '/proc');
		this.ticks = options.clockTicks ?? clockTicksPerSecond();
		this.period = options.period ?? SAMPLE_PERIOD;
		this.cgroups = options.cgroups ?? true;
		this.maxOpen = options.maxOpen ?? maxOpenFiles();
		this.machine = new ProcMachine(this.root, this.ticks);
		try {
			this.sample();
		} catch (error) {
			this.close();
			throw error;
		}
		this.readAt = monotonicNs();
		this.forget();
	}

	/** Read every process once. */
	sample(): void {
		const before = threadCpu();
		this.round++;
		this.samples++;
		const uptime = this.machine.uptime();
		for (const name of readdirSync(this.root)) {
			const first = name.charCodeAt(0);
			if (first >= 0x31 && first <= 0x39) this.visit(name);
		}
		for (const entry of this.entries.values()) if (entry.seen !== this.round) this.end(entry);
		this.newSince = uptime;
		this.cost += threadCpu() - before;
	}

	/** Take a last sample, and close the interval that began with the previous reading. */
	read(): ProcReading {
		this.sample();
		const before = threadCpu();
		const now = monotonicNs();
		const machine = this.machine.read();

		const rows: ProcRow[] = [];
		let alive = 0;
		for (const entry of this.entries.values()) {
			if (entry.threads > 0) alive++;
			else if (entry.reported) continue;
			rows.push(this.row(entry));
		}
		for (const entry of this.ended) rows.push(this.row(entry));
		const used = rows.reduce((sum, row) => sum + row.cpu_ns, 0);

		const reading: ProcReading = {
			rows,
			alive,
			ended: rows.length - alive,
			machine,
			missed_ns: machine.busy - used,
			dt_ns: now - this.readAt,
			samples: this.samples,
			cost_ns: this.cost + (threadCpu() - before),
			lost: { ...this.lost },
		};
		this.readAt = now;
		this.forget();
		return reading;
	}

	/** Method and blind spots, for the badge. */
	source(): Source {
		const tick = 1000 / this.ticks;
		return {
			kind: 'proc',
			description: [
				`CPU time as /proc/PID/stat counts it, read every ${this.period / 1e6} ms; needs no privilege. A process that starts and ends between two reads is missed, and so is the end of any other.`,
				...blindSpots(this.root),
			].join(' '),
			uncertainty: `±${2 * tick} ms per process and interval (clock ticks of ${tick} ms)`,
			hooks: ['/proc/PID/stat', '/proc/stat'],
		};
	}

	/** Close all files. Idempotent; no other call may follow. */
	close(): void {
		this.release();
		this.entries.clear();
		this.drop();
		this.machine.close();
	}

	private visit(name: string): void {
		if (this.denied.get(name) === this.readings) return;
		const length = this.load(name);
		const known = this.entries.get(name);
		if (length === GONE) return;
		const { stat } = this;
		if (length === REFUSED || !parseProcessStat(this.line, length, stat)) {
			if (length !== REFUSED) this.lost.garbled++;
			// not readable just now, but not ended
			if (known) known.seen = this.round;
			this.drop();
			return;
		}
		let entry = known;
		if (entry === undefined || entry.start !== stat.start) {
			if (entry) this.end(entry);
			entry = this.admit(name);
		}
		entry.seen = this.round;
		// never decreasing, in spite of the kernel's rounding
		if (stat.cpu > entry.cpu) entry.cpu = stat.cpu;
		// a leader may be dead and its other threads alive
		const over = (stat.state === ZOMBIE || stat.state === DEAD) && stat.threads <= 1;
		entry.threads = over ? 0 : stat.threads;
		this.describe(entry);
		this.hold(entry);
	}

	/**
	 * Read a process's line.
	 * @returns its length, GONE or REFUSED. A file opened for it is in `fresh`.
	 */
	private load(name: string): number {
		const known = this.entries.get(name);
		if (known && known.fd >= 0) {
			try {
				return readSync(known.fd, this.line, 0, LINE_BYTES, 0);
			} catch (error) {
				if (!isGone(errorCode(error))) return this.refused(name, errorCode(error));
			}
			// this process is gone; its pid may belong to another one already
			this.end(known);
		}
		try {
			this.fresh = openSync(`${this.root}/${name}/stat`, 'r');
			return readSync(this.fresh, this.line, 0, LINE_BYTES, 0);
		} catch (error) {
			this.drop();
			return this.refused(name, errorCode(error));
		}
	}

	private refused(name: string, code: string): number {
		if (isGone(code)) {
			this.lost.vanished++;
			return GONE;
		}
		if (code === 'EACCES' || code === 'EPERM') {
			if (!this.denied.has(name)) this.lost.denied++;
			this.denied.set(name, this.readings);
		} else {
			this.lost.failed++;
			if (code === 'EMFILE' || code === 'ENFILE') {
				// leave the descriptors to others
				this.maxOpen = this.held >> 1;
				this.release();
			}
		}
		return REFUSED;
	}

	private admit(name: string): Entry {
		const { stat } = this;
		// A tick of tolerance: it starts a moment before it is listed. The past of an older one that was hidden or refused is
		// not known.
		const unwatched = stat.start < this.newSince - 1 ? stat.cpu : 0;
		const entry: Entry = {
			name,
			pid: Number(name),
			start: stat.start,
			cpu: stat.cpu,
			cpuBefore: unwatched,
			cpuAtFirst: unwatched,
			threads: 0,
			comm: '' as SafeText,
			rawComm: undefined,
			cgroup: undefined,
			fd: -1,
			seen: this.round,
			reported: false,
		};
		this.entries.set(name, entry);
		return entry;
	}

	/** Update the name if it changed. */
	private describe(entry: Entry): void {
		const comm = this.line.subarray(this.stat.commStart, this.stat.commEnd);
		if (sameName(entry.rawComm, comm)) return;
		entry.rawComm = latin1Name(comm);
		entry.comm = sanitize(this.unescaped(entry.name, comm));
		// services and containers are moved to their cgroup before they execute a new program
		entry.cgroup = undefined;
	}

	/** Some kernels write newline and backslash as `\n` and `\\` here, others do not; `comm` always has the bytes. */
	private unescaped(process: string, comm: ForeignBytes): ForeignBytes {
		if (!comm.includes(BACKSLASH)) return comm;
		try {
			const whole = readBytes(`${this.root}/${process}/comm`);
			return whole.at(-1) === 0x0a ? whole.subarray(0, -1) : whole;
		} catch {
			return comm;
		}
	}

	private cgroupOf(entry: Entry): SafeText {
		if (!this.cgroups) return '' as SafeText;
		if (entry.cgroup === undefined && entry.threads > 0) {
			try {
				entry.cgroup = groupPath(readLatin1(`${this.root}/${entry.name}/cgroup`));
			} catch {
				entry.cgroup = '' as SafeText;
			}
		}
		return entry.cgroup ?? ('' as SafeText);
	}

	/** Keep the file just opened, or close it. */
	private hold(entry: Entry): void {
		if (this.fresh >= 0 && entry.fd < 0 && this.held < this.maxOpen) {
			entry.fd = this.fresh;
			this.fresh = -1;
			this.held++;
		}
		this.drop();
	}

	private drop(): void {
		if (this.fresh >= 0) closeSync(this.fresh);
		this.fresh = -1;
	}

	private letGo(entry: Entry): void {
		if (entry.fd < 0) return;
		closeSync(entry.fd);
		entry.fd = -1;
		this.held--;
	}

	private release(): void {
		for (const entry of this.entries.values()) this.letGo(entry);
	}

	private end(entry: Entry): void {
		this.letGo(entry);
		this.entries.delete(entry.name);
		entry.threads = 0;
		if (entry.reported) return;
		if (this.ended.length < MAX_ENDED) this.ended.push(entry);
		else this.lost.overflow++;
	}

	private row(entry: Entry): ProcRow {
		return {
			pid: entry.pid,
			start_time: kernelBootNs(ticksToNs(entry.start, this.ticks)),
			comm: entry.comm,
			cgroup: this.cgroupOf(entry),
			cpu_ns: ticksToNs(entry.cpu - entry.cpuBefore, this.ticks),
			cpu_ns_total: ticksToNs(entry.cpu - entry.cpuAtFirst, this.ticks),
			threads: entry.threads,
		};
	}

	/** Begin a new interval. */
	private forget(): void {
		for (const entry of this.entries.values()) {
			entry.cpuBefore = entry.cpu;
			if (entry.threads === 0) entry.reported = true;
		}
		this.ended = [];
		for (const [name, reading] of this.denied) if (reading < this.readings) this.denied.delete(name);
		this.readings++;
		this.samples = 0;
		this.cost = 0;
	}
}
