/** Events that are found by polling: blocked tasks, network devices, control groups that grew. */
import type { Host } from '../../core/tracer.ts';
import { formatNs } from '../../lib/format.ts';
import { type SafeText, safe } from '../../lib/sanitize.ts';
import type { Count, Ns } from '../../lib/units.ts';
import { blockedTasks, waitChains } from './blocked/chains.ts';
import type { BlockedReader } from './blocked/reader.ts';
import { waitOf } from './blocked/waits.ts';
import { processText } from './describe.ts';
import { Links } from './links.ts';
import { MemoryGrowthReader } from './memory-growth.ts';
import type { Reasons } from './reasons.ts';
import { bareRecord } from './record.ts';
import type { EventRecord, EventRow, EventsExtra } from './snapshot.ts';

/** A task that sleeps uninterruptibly for longer is blocked. */
const BLOCKED_NS = 1e9;
/** Stalls of an interval from which on groups whose memory grew are reported. */
const GROWTH_FROM_NS = 1e8;
/** Most blocked tasks and chains of a snapshot. */
const BLOCKED_LISTED = 256;

/** Takes one event, which stands for `count` of its kind. */
export type Report = (record: EventRecord, count: Count) => void;

export interface PolledOptions {
	host: Host;
	blocked: BlockedReader;
	reasons: Reasons;
	timeOf(mono_ns: Ns): string;
	report: Report;
}

export class Polled {
	private readonly options: PolledOptions;
	private readonly links: Links;
	private readonly growth: MemoryGrowthReader;

	constructor(options: PolledOptions) {
		const { procRoot, sysRoot } = options.host;
		this.options = options;
		this.links = new Links(procRoot, sysRoot);
		this.growth = new MemoryGrowthReader(procRoot);
	}

	/** Blocked tasks; each is reported once a sleep. */
	readBlocked(now: Ns): Pick<EventsExtra, 'blocked' | 'wait_chains'> {
		const reader = this.options.blocked;
		const blocked = blockedTasks(reader.read(now, BLOCKED_NS), BLOCKED_NS);
		for (const task of blocked) {
			if (!reader.firstReport(task.tid, task.start_time)) continue;
			const reason = waitOf(task.stack)?.reason ?? safe`UNKNOWN`;
			const chain = task.chain.map(({ name }) => name).join(', which waits for ') as SafeText;
			this.options.report(
				{
					...this.record('blocked', reason, now),
					who: processText(task.comm, task.pid),
					pid: task.pid,
					start_time: task.start_time,
					comm: task.comm,
					cgroup: task.cgroup,
					text: safe`${task.comm}[${task.tid}] sleeps uninterruptibly for ${formatNs(task.age_ns) as SafeText}: it waits for ${chain}`,
					figures: { age_ns: task.age_ns },
					stack: task.stack,
				},
				1,
			);
		}
		return { blocked: blocked.slice(0, BLOCKED_LISTED), wait_chains: waitChains(blocked).slice(0, BLOCKED_LISTED) };
	}

	/** Network devices; what has changed is reported. */
	readLinks(now: Ns): EventsExtra['links'] {
		const { links, changes } = this.links.read();
		for (const { kind, reason, device, count, text, figures } of changes)
			this.options.report({ ...this.record(kind, reason, now), who: device, device, text, figures }, count);
		return links;
	}

	/** Groups that grew, where a task stalled for a tenth of a second or more. */
	readGrowth(now: Ns, rows: readonly EventRow[]): EventsExtra['memory_growth'] {
		this.growth.sample(now);
		const stalled = rows.some(({ kind, stalled_ns }) => kind !== 'tick-gap' && stalled_ns >= GROWTH_FROM_NS);
		return stalled ? this.growth.growth() : [];
	}

	private record(kind: EventRecord['kind'], reason: SafeText, mono_ns: Ns): EventRecord {
		return bareRecord({ kind, reason, origin: 'poll' }, mono_ns, this.options);
	}
}
