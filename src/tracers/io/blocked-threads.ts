/** Threads that sleep uninterruptibly: a second witness of requests that seem stuck. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const FIELDS = /^State:\s+(\S)|^(?:non)?voluntary_ctxt_switches:\s+(\d+)/gm;

export class BlockedThreads {
	private readonly procRoot: string;
	/** Thread → its switches so far if it slept uninterruptibly, else null. */
	private before = new Map<string, number | null>();
	private now = new Map<string, number | null>();

	constructor(procRoot: string) {
		this.procRoot = procRoot;
	}

	/** Begins an interval. */
	tick(): void {
		this.before = this.now;
		this.now = new Map();
	}

	/**
	 * Whether it sleeps in state D and has not run since the same question in the last interval; undefined: it is in state
	 * D, and this is the first question.
	 */
	isBlocked(pid: number, tid: number): boolean | undefined {
		const thread = `${pid}/task/${tid}`;
		let switches = this.now.get(thread);
		if (switches === undefined) {
			switches = pid > 0 ? this.switches(thread) : null;
			this.now.set(thread, switches);
		}
		if (switches === null) return false;
		const before = this.before.get(thread);
		return before === undefined ? undefined : before === switches;
	}

	private switches(thread: string): number | null {
		try {
			let sum = 0;
			for (const [, state, count] of readFileSync(join(this.procRoot, thread, 'status'), 'utf8').matchAll(FIELDS)) {
				if (state !== undefined && state !== 'D') return null;
				sum += Number(count ?? 0);
			}
			return sum;
		} catch {
			return null;
		}
	}
}
