/**
 * The full path (bpf/io/io-path.bpf.c): from the system call to the first bio, and from the completion to the return to
 * user space. Its programs are loaded on request, and only while their cost is below a limit.
 */

import { addCosts, type BpfSession } from '../../bpf/bpf-session.ts';
import { delaysDequeues } from '../../bpf/delayed-dequeue.ts';
import { KeyedStore } from '../../bpf/keyed-store.ts';
import { type Distribution, LatencyReader } from '../../bpf/latency.ts';
import { openBpf } from '../../bpf/load.ts';
import { Unavailable } from '../../core/errors.ts';
import { type BpfCost, type Host, NO_COST } from '../../core/tracer.ts';
import { constants, counted_program, maps, type path_stats, slow_call } from '../../generated/io-path.ts';
import { sanitize } from '../../lib/sanitize.ts';
import type { Count, Ns } from '../../lib/units.ts';
import { type IoFilter, writeSettings } from './filter.ts';
import { Governor } from './governor.ts';
import { type Kind, kindOf, kindStore } from './kinds.ts';
import { IO_PATH } from './path.ts';
import type { FullPath } from './snapshot.ts';

/** Own cost above which it is detached, share of one CPU. */
const LIMIT = 0.05;

const CALL_STAGES = IO_PATH.stages.filter(({ depth }) => depth === 'full').map(({ name }) => name);

/** Maps of shared headers that only io.bpf.c uses. */
const UNUSED_MAPS = ['bios', 'requests', 'dirtied'];

export type SlowCall = ReturnType<typeof slow_call.read>;

/** Stages of the calls that ended on one CPU in the interval, by the kind of their first bio. */
export interface CallStages {
	key: Kind;
	stages: [name: string, events: Distribution][];
}

/** The programs while they are loaded. */
class Attached {
	readonly bpf: BpfSession;
	/** Not shared with the tab: the kernel's figures restart at 0 when the programs are loaded again. */
	readonly latencies = new LatencyReader();
	readonly stats: KeyedStore<path_stats>;

	constructor(host: Host, filter: IoFilter, slow: Ns) {
		const size = kindStore(host, 1);
		this.bpf = openBpf(host, 'io-path', {
			layout: constants,
			counted: counted_program,
			shards: [maps.path_cpus.name],
			without: delaysDequeues(host) ? [] : ['path_moved'],
			withoutMaps: UNUSED_MAPS,
			stores: { [maps.stats.name]: size },
			loaded: (object) => writeSettings(object, filter, slow),
		});
		this.stats = new KeyedStore(this.bpf, maps.stats, size);
	}

	lost(): Record<string, Count> {
		const sums: Record<string, Count> = { path_stats_full: this.stats.full };
		for (const shard of this.bpf.shards(maps.path_cpus))
			for (const [name, count] of Object.entries(shard)) sums[name] = (sums[name] ?? 0) + count;
		return sums;
	}
}

export class FullPathSession {
	private readonly host: Host;
	private readonly governor = new Governor(LIMIT);
	private filter: IoFilter;
	private slow: Ns;
	private attached: Attached | undefined;
	/** Why it is unavailable here; empty: available, or not tried yet. */
	private refused = '';
	/** Cost of unloaded programs. */
	private retired: BpfCost = NO_COST;
	private lostBefore: Record<string, Count> = Object.fromEntries(
		['calls_full', 'call_bios_full', 'path_stats_full', 'calls_suppressed', 'calls_untimed'].map((name) => [name, 0]),
	);

	constructor(host: Host, filter: IoFilter, slow: Ns) {
		this.host = host;
		this.filter = filter;
		this.slow = slow;
	}

	/** `true` attaches at once, even after a detachment. */
	setWanted(wanted: boolean, now: Ns): void {
		this.governor.reset(now);
		if (wanted) this.attach();
		else this.detach();
	}

	setFilter(filter: IoFilter, slow: Ns): void {
		this.filter = filter;
		this.slow = slow;
		if (this.attached) writeSettings(this.attached.bpf.object, filter, slow);
	}

	/** Ends the interval. Returns its calls; undefined: it is off. */
	read(): CallStages[] | undefined {
		const attached = this.attached;
		if (!attached) return undefined;
		const { bpf, latencies, stats } = attached;
		return Array.from(stats.changed(latencies.nextInterval(bpf)), ({ claim, value }) => ({
			key: kindOf(claim.a),
			stages: CALL_STAGES.flatMap((name, index) => {
				const latency = value.stages[index];
				return latency ? [[name, claim.difference(latencies, name, latency)] as [string, Distribution]] : [];
			}),
		}));
	}

	/** System calls at or above the threshold of slow requests, since the last call of this method. */
	slowCalls(): SlowCall[] {
		const calls: SlowCall[] = [];
		this.attached?.bpf.drain(maps.slow_calls.name, (view, at) => calls.push(slow_call.read(view, at)));
		return calls;
	}

	/**
	 * Detaches above the cost limit, attaches again when the pause is over. Call after all reads of the interval.
	 * @param cost of all programs of the tab in the interval, share of one CPU; undefined: not measured
	 */
	govern(cost: number | undefined, now: Ns): void {
		if (this.attached && cost !== undefined) {
			if (this.governor.exceeds(cost, now)) this.detach();
		} else if (this.governor.retries(now)) {
			this.attach();
		}
	}

	status(now: Ns): FullPath {
		const state = this.attached ? 'on' : this.governor.detached ? 'detached' : this.refused ? 'unavailable' : 'off';
		const why = this.governor.reason(now);
		return {
			state,
			reason: sanitize(state === 'detached' ? `${why} (or f)` : this.refused),
			cost_share: this.governor.cost,
			limit_share: LIMIT,
		};
	}

	/** Since start, by cause. */
	lost(): Record<string, Count> {
		return this.attached ? add(this.lostBefore, this.attached.lost()) : this.lostBefore;
	}

	cost(fresh?: boolean): BpfCost {
		return addCosts(this.retired, ...(this.attached ? [this.attached.bpf.cost(fresh)] : []));
	}

	close(): void {
		this.attached?.bpf.close();
		this.attached = undefined;
	}

	/** Without support by the kernel, the rest of the tab works. */
	private attach(): void {
		if (this.attached) return;
		try {
			this.attached = new Attached(this.host, this.filter, this.slow);
			this.refused = '';
		} catch (error) {
			if (!(error instanceof Unavailable)) throw error;
			this.refused = error.message;
		}
	}

	private detach(): void {
		if (!this.attached) return;
		this.retired = { ...this.cost(), programs: [] };
		this.lostBefore = this.lost();
		this.close();
	}
}

function add(a: Record<string, Count>, b: Record<string, Count>): Record<string, Count> {
	return Object.fromEntries(Object.entries(b).map(([name, count]) => [name, count + (a[name] ?? 0)]));
}
