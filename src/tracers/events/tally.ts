/** All events by kind and reason, and by group: the kernel's counts and those that are made here. Exact. */
import { type SafeText, safe, sanitize } from '../../lib/sanitize.ts';
import type { Count, Ns } from '../../lib/units.ts';
import type { KernelSymbols } from '../../symbols/kernel-names.ts';
import { protocolName } from './addresses.ts';
import type { Counted, GroupDelta } from './counts.ts';
import { processText } from './describe.ts';
import { EventGroups, type Who } from './groups.ts';
import { ofSlot, type ReasonNames } from './kinds.ts';
import { type HiddenReasons, NOT_KNOWN, type Reasons } from './reasons.ts';
import type { EventRecord, EventRow, ReasonCount } from './snapshot.ts';

const MOST_STARTS = 4096;

/** Kinds whose sum is a time; that of others is bytes. */
const STALLS: ReadonlySet<string> = new Set([
	'reclaim',
	'compaction',
	'throttled-write',
	'tick-gap',
	'receive-latency',
]);

const NOBODY: Who = {
	name: NOT_KNOWN,
	pid: 0,
	start_time: 0,
	comm: safe``,
	cgroup: safe``,
	netns: 0,
	protocol: safe``,
};

/** Programs that crash come in numbers: one group for each name. */
function whoOf({ kind, who, pid, start_time, comm, cgroup }: EventRecord): Omit<Who, 'netns' | 'protocol'> {
	if (kind === 'kernel' && comm !== '') return { name: comm, pid: 0, start_time: 0, comm, cgroup };
	return { name: who, pid, start_time, comm, cgroup };
}

export interface TallyOptions {
	names: ReasonNames;
	reasons: Reasons;
	hidden: HiddenReasons;
	symbols: KernelSymbols;
	/** Control group of a network namespace; empty: not known. */
	groupOf(netns: number): SafeText;
}

export class Tally {
	private readonly options: TallyOptions;
	private readonly groups: EventGroups;
	private readonly totals = new Map<string, ReasonCount>();
	/** Starts of processes by pid, from records: counts have the pid only. */
	private readonly starts = new Map<number, { start_time: Ns; cgroup: SafeText }>();

	constructor(options: TallyOptions) {
		this.options = options;
		this.groups = new EventGroups(options.reasons);
	}

	/** Begin an interval. */
	next(): void {
		this.groups.next();
		for (const total of this.totals.values()) {
			total.count = 0;
			total.recorded = 0;
			total.suppressed = 0;
		}
	}

	/** Has this kind and reason had fewer records than its limit in this interval? */
	mayRecord({ kind, reason }: EventRecord, most: Count): boolean {
		return (this.totals.get(`${kind}|${reason}`)?.recorded ?? 0) < most;
	}

	/** Processes that records know: to be called before {@link addCounts}. */
	learn(records: readonly EventRecord[]): void {
		for (const record of records) if (record.pid > 0 && record.start_time > 0) this.starts.set(record.pid, record);
		if (this.starts.size > MOST_STARTS) this.starts.clear();
	}

	/** An event that no program of the kernel counts. */
	add(record: EventRecord, count: Count, recorded: boolean): void {
		const { kind, reason, mono_ns, severity } = record;
		const counts = { count, recorded: recorded ? 1 : 0, suppressed: recorded ? 0 : count };
		const who = { ...whoOf(record), netns: 0, protocol: safe`` };
		this.groups.add(kind, reason, who, { ...counts, first_ns: mono_ns, last_ns: mono_ns }, severity);
		this.addTotal(kind, reason, counts);
	}

	/** The kernel's counts of the interval. Returns the number of hidden events. */
	addCounts({ reasons, groups, ungrouped }: Counted): Count {
		let hiddenCount = 0;
		let others = ungrouped;
		const rest = new Map(reasons);
		for (const group of groups) {
			const { slot, location } = group.key;
			const { kind, reason } = this.reasonOf(slot);
			const left = rest.get(slot);
			if (left)
				rest.set(slot, {
					...left,
					count: left.count - group.count,
					sum: left.sum - group.sum,
					recorded: left.recorded - group.recorded,
					suppressed: left.suppressed - group.suppressed,
				});
			this.groups.add(kind, reason, this.whoOfGroup(group), {
				count: group.count,
				recorded: group.recorded,
				suppressed: group.suppressed,
				...(STALLS.has(kind) ? { stalled_ns: group.sum } : { bytes: group.sum }),
				first_ns: group.first_ns,
				last_ns: group.last_ns,
				...(location !== 0 && { location: this.options.symbols.of(location) }),
			});
		}
		for (const [slot, delta] of reasons) {
			const { kind, reason } = this.reasonOf(slot);
			this.addTotal(kind, reason, delta);
			if (this.options.hidden.has(kind, reason)) hiddenCount += delta.count;
			const left = rest.get(slot);
			// those whose group had no room in the kernel's table; events that came during the read appear in the next one
			const count = Math.min(left?.count ?? 0, others);
			others -= Math.max(0, count);
			if (left && count > 0)
				this.groups.add(
					kind,
					reason,
					{ ...NOBODY, name: safe`others` },
					{ ...left, count, first_ns: left.last_ns, last_ns: left.last_ns },
				);
		}
		return hiddenCount;
	}

	/** Groups that are listed, the newest first. */
	rows(timeOf: (mono_ns: Ns) => string): EventRow[] {
		return this.groups.rows(timeOf).filter(({ kind, reason }) => !this.options.hidden.has(kind, reason));
	}

	reasons(): ReasonCount[] {
		return [...this.totals.values()].map((total) => ({ ...total }));
	}

	private reasonOf(slot: number) {
		const { kind, reason } = ofSlot(slot);
		return { kind, reason: this.options.names.of(kind, reason) };
	}

	private addTotal(
		kind: ReasonCount['kind'],
		reason: SafeText,
		{ count, recorded, suppressed }: Pick<ReasonCount, 'count' | 'recorded' | 'suppressed'>,
	): void {
		const id = `${kind}|${reason}`;
		let total = this.totals.get(id);
		if (!total) {
			const hidden = this.options.hidden.has(kind, reason);
			total = { kind, reason, count: 0, recorded: 0, suppressed: 0, count_total: 0, hidden };
			this.totals.set(id, total);
		}
		total.count += count;
		total.recorded += recorded;
		total.suppressed += suppressed;
		total.count_total += count;
	}

	private whoOfGroup({ key, name }: GroupDelta): Who {
		const { kind } = ofSlot(key.slot);
		const text = sanitize(name);
		const protocol = protocolName(key.protocol);
		if (key.pid > 0) {
			const known = this.starts.get(key.pid);
			return {
				name: processText(text, key.pid),
				pid: key.pid,
				start_time: known?.start_time ?? 0,
				comm: text,
				cgroup: known?.cgroup ?? safe``,
				netns: key.netns,
				protocol,
			};
		}
		const nobody = { ...NOBODY, netns: key.netns, protocol, cgroup: this.options.groupOf(key.netns) };
		if (kind === 'tick-gap') return { ...nobody, name: safe`cpu${key.object}` };
		if (text !== '') return { ...nobody, name: text };
		if (key.port > 0) return { ...nobody, name: safe`port ${key.port}` };
		return nobody;
	}
}
