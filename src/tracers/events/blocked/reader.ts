/** Reads tasks in uninterruptible sleep from the kernel's own list, and how long each has slept. */
import type { BpfSession } from '../../../bpf/bpf-session.ts';
import { WalkRetries } from '../../../bpf/walk-retries.ts';
import { blocked_sizes, blocked_task, blocker_type, maps } from '../../../generated/events.ts';
import { viewOf } from '../../../lib/decode.ts';
import { type SafeText, sanitize } from '../../../lib/sanitize.ts';
import type { Ns } from '../../../lib/units.ts';
import type { KernelSymbols } from '../../../symbols/kernel-names.ts';
import type { ProcessId } from '../../../system/process-id.ts';
import type { Sleeper } from './chains.ts';
import { type BlockedFile, fileOf } from './files.ts';

const PROGRAM = 'blocked_tasks';
/** The same as a walk, on kernels that can. */
export const WALK = 'walk_blocked';
/** Its stack is the last member. */
const STACK_AT = blocked_task.size - blocked_sizes.BLOCKED_FRAMES * 8;
/** Files are looked up for so many tasks of a read, once for each sleep. */
const FILES = 64;

const LOCKS: Readonly<Record<number, 'mutex' | 'semaphore' | 'rwsem'>> = {
	[blocker_type.BLOCKER_MUTEX]: 'mutex',
	[blocker_type.BLOCKER_SEMAPHORE]: 'semaphore',
	[blocker_type.BLOCKER_RWSEM_READER]: 'rwsem',
	[blocker_type.BLOCKER_RWSEM_WRITER]: 'rwsem',
};

/** One sleep, from one read to the next. */
interface Sleep {
	switches: number;
	seen_ns: Ns;
	file: BlockedFile | undefined;
	looked: boolean;
	reported: boolean;
}

export interface BlockedReaderOptions {
	bpf: BpfSession;
	symbols: KernelSymbols;
	procRoot: string;
	sysRoot: string;
	cgroup(id: number, process: ProcessId): SafeText;
}

export class BlockedReader {
	private readonly options: BlockedReaderOptions;
	private sleeps = new Map<string, Sleep>();
	private readonly retries = new WalkRetries();

	constructor(options: BlockedReaderOptions) {
		this.options = options;
	}

	/** All tasks in uninterruptible sleep. Files of those that have slept for `least_ns` are looked up. */
	read(now: Ns, least_ns: Ns): Sleeper[] {
		const { bpf, symbols, procRoot, sysRoot, cgroup } = this.options;
		if (!bpf.has(PROGRAM)) return [];
		const view = this.walk(bpf) ?? bpf.iterate(PROGRAM);
		const tasks: { record: blocked_task; stack: number[] }[] = [];
		for (let at = 0; at + blocked_task.size <= view.byteLength; at += blocked_task.size) {
			const record = blocked_task.read(view, at);
			const stack: number[] = [];
			for (let frame = 0; frame < record.frames; frame++) {
				const from = at + STACK_AT + frame * 8;
				const address = view.getUint32(from, true) + view.getInt32(from + 4, true) * 4294967296;
				stack.push(address);
			}
			tasks.push({ record, stack });
		}
		const sleeps = new Map<string, Sleep>();
		let files = FILES;
		const old = tasks.map(({ record, stack }) => {
			const id = `${record.tid} ${record.start_ns}`;
			const before = this.sleeps.get(id);
			const sleep =
				before?.switches === record.switches
					? before
					: { switches: record.switches, seen_ns: now, file: undefined, looked: false, reported: false };
			sleeps.set(id, sleep);
			const age_ns = Math.max(now - sleep.seen_ns, Math.min(record.asleep_ns, now));
			if (age_ns >= least_ns) for (const address of stack) symbols.want(address);
			return { record, stack, sleep, age_ns };
		});
		this.sleeps = sleeps;
		symbols.resolve();
		return old.map(({ record, stack, sleep, age_ns }) => {
			const names = age_ns >= least_ns ? stack.map((address) => symbols.of(address)).filter((name) => name !== '') : [];
			// a task that starts a program may hold what reading its files would wait for
			const safe = !names.some((name) => /exec/.test(name));
			if (age_ns >= least_ns && !sleep.looked && files > 0 && safe && record.pid > 0) {
				files--;
				sleep.looked = true;
				sleep.file = fileOf(procRoot, sysRoot, record.pid, record.tid);
			}
			const type = LOCKS[record.lock_type];
			return {
				pid: record.pid,
				tid: record.tid,
				start_time: record.start_ns,
				comm: sanitize(record.comm),
				cgroup: cgroup(record.cgroup, { pid: record.pid, start: record.start_ns }),
				age_ns,
				in_iowait: record.in_iowait > 0,
				stack: names,
				file: sleep.file,
				lock:
					record.lock !== 0 && type
						? {
								type,
								owner:
									record.owner_tid > 0
										? { pid: record.owner_pid, tid: record.owner_tid, comm: sanitize(record.owner_comm) }
										: undefined,
							}
						: undefined,
			};
		});
	}

	/** Records of a walk; undefined: the kernel cannot walk, or the walk is incomplete. */
	private walk(bpf: BpfSession): DataView | undefined {
		if (!bpf.has(WALK) || !this.retries.next()) return undefined;
		const { name } = maps.blocked_reports;
		if (!this.retries.ended(bpf.walk(WALK, name))) return undefined;
		const records: Buffer[] = [];
		bpf.drain(name, (view, at, length) => {
			records.push(Buffer.from(new Uint8Array(view.buffer, view.byteOffset + at, length)));
		});
		return viewOf(Buffer.concat(records));
	}

	/** Is this the first report of the sleep? */
	firstReport(tid: number, start_time: Ns): boolean {
		const sleep = this.sleeps.get(`${tid} ${start_time}`);
		if (!sleep || sleep.reported) return false;
		sleep.reported = true;
		return true;
	}
}
