/**
 * Culprits of waits (bpf/runqlat/runqlat-culprits.bpf.c): the time on a CPU's queue, divided among the processes that ran
 * on that CPU meanwhile. Its program is loaded on request and unloaded afterwards.
 */

import type { BpfSession } from '../../bpf/bpf-session.ts';
import { delaysDequeues } from '../../bpf/delayed-dequeue.ts';
import { openBpf } from '../../bpf/load.ts';
import type { BpfCost, Host } from '../../core/tracer.ts';
import { blame, counted_program, culprit as culprits, maps, pair } from '../../generated/runqlat-culprits.ts';
import { viewOf } from '../../lib/decode.ts';
import { type SafeText, safe, sanitize } from '../../lib/sanitize.ts';
import type { Count, Ns } from '../../lib/units.ts';

const ROOM = maps.culprits.entries;
/** Culprits that are no process. */
const NO_PROCESS = new Map<number, SafeText>([
	[culprits.CULPRIT_IDLE, safe`(idle CPU)`],
	[culprits.CULPRIT_EARLIER, safe`(earlier)`],
]);
/** Per process that waited. */
const TOP = 10;

export interface Culprit {
	/** 0: the CPU was idle; -1: too long ago to be known. */
	pid: number;
	/** ns since boot; 0: no process, or not known. */
	start_time: Ns;
	comm: SafeText;
	/** Of the waiting, while this process ran. */
	wait_ns: Ns;
	/** Its turns on the CPU during those waits. */
	turns: Count;
}

/** A process that waited, and the processes that ran meanwhile. */
export interface Blamed {
	pid: number;
	/** Its waiting that was divided. */
	wait_ns: Ns;
	/** The ten with most time, most first. */
	culprits: Culprit[];
}

export class Culprits {
	private readonly bpf: BpfSession;
	private readonly before = new Map<string, { ns: Ns; waits: Count }>();
	private readonly keys = new Uint8Array(ROOM * pair.size);
	private readonly values = new Uint8Array(ROOM * blame.size);

	/** @param waiter the process whose waits are divided; 0: all of them */
	constructor(host: Host, waiter: number) {
		this.bpf = openBpf(host, 'runqlat-culprits', {
			layout: {},
			counted: counted_program,
			shards: [maps.cpu_slices.name],
			without: delaysDequeues(host) ? [] : ['moved'],
		});
		this.setWaiter(waiter);
	}

	setWaiter(pid: number): void {
		const value = new Uint8Array(4);
		viewOf(value).setUint32(0, pid, true);
		this.bpf.object.update(maps.waiter.name, new Uint8Array(4), value);
	}

	/**
	 * What was added since the last call, most waiting first; since start, pairs for which there was no room, and waits
	 * whose begin is not known.
	 */
	read(): { blamed: Blamed[]; full: Count; unstamped: Count } {
		// pairs stay in the map until it is full; then it starts anew, each of them read as it goes
		const anew = this.before.size > ROOM * 0.75;
		const found = this.bpf.object.readBatch(maps.culprits.name, this.keys, this.values, anew);
		const [keys, values] = [viewOf(this.keys), viewOf(this.values)];
		const byWaiter = new Map<number, Culprit[]>();
		for (let index = 0; index < found; index++) {
			const { waiter, culprit, start } = pair.read(keys, index * pair.size);
			const { ns, waits, comm } = blame.read(values, index * blame.size);
			const key = `${waiter}:${culprit}:${start}`;
			const before = this.before.get(key);
			const wait_ns = ns - (before?.ns ?? 0);
			this.before.set(key, { ns, waits });
			if (wait_ns <= 0) continue;
			const list = byWaiter.get(waiter) ?? [];
			byWaiter.set(waiter, list);
			list.push({
				pid: culprit === culprits.CULPRIT_EARLIER ? -1 : culprit,
				start_time: start,
				comm: NO_PROCESS.get(culprit) ?? sanitize(comm),
				wait_ns,
				turns: waits - (before?.waits ?? 0),
			});
		}
		const blamed = [...byWaiter].map(([pid, list]) => ({
			pid,
			wait_ns: list.reduce((sum, { wait_ns }) => sum + wait_ns, 0),
			culprits: list.sort((a, b) => b.wait_ns - a.wait_ns).slice(0, TOP),
		}));
		const shards = this.bpf.shards(maps.cpu_slices);
		const full = shards.reduce((sum, shard) => sum + shard.full, 0);
		const unstamped = shards.reduce((sum, shard) => sum + shard.unstamped, 0);
		if (anew) this.before.clear();
		return { blamed: blamed.sort((a, b) => b.wait_ns - a.wait_ns), full, unstamped };
	}

	cost(fresh?: boolean): BpfCost {
		return this.bpf.cost(fresh);
	}

	close(): void {
		this.bpf.close();
	}
}
