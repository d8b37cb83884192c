/** One run of the events tracer: records and counts of the kernel's programs, its log, blocked tasks and links. */

import { cgroupsOf } from '../../bpf/cgroups.ts';
import type { Source } from '../../core/snapshot.ts';
import type { Host, Options, Reading, Session } from '../../core/tracer.ts';
import { monotonicNs } from '../../lib/clock.ts';
import { pageSize } from '../../lib/page-size.ts';
import type { Count, Ns } from '../../lib/units.ts';
import { KernelSymbols } from '../../symbols/kernel-names.ts';
import type { ProcessId } from '../../system/process-id.ts';
import { BlockedReader } from './blocked/reader.ts';
import { Correlation, droppedByDevices } from './correlate.ts';
import { type Counted, EventCounts } from './counts.ts';
import type { Describer } from './describe.ts';
import { ofSlot, ReasonNames } from './kinds.ts';
import { KernelEvents } from './kmsg/events.ts';
import { type Loaded, loadEvents } from './load.ts';
import { NamespaceGroups } from './namespaces.ts';
import { OomDetails } from './oom-details.ts';
import { eventSettings } from './options.ts';
import { SocketOwners } from './owners.ts';
import { Polled } from './polled.ts';
import { HiddenReasons, Reasons } from './reasons.ts';
import { RingRecords } from './ring.ts';
import { EVENTS_LISTED, type EventRecord, type EventRow, type EventsExtra } from './snapshot.ts';
import { Tally } from './tally.ts';
import { WallClock } from './wall-clock.ts';

/** Most records of one kind and reason in an interval, of events that are found here: a flood of blocked threads is one thing. */
const MOST_RECORDED = 20;

/** IP's number of TCP; 0 is not known. */
const TCP = 6;

export class EventsSession implements Session<EventRow, EventsExtra> {
	private readonly loaded: Loaded;
	private readonly names: ReasonNames;
	private readonly reasons: Reasons;
	private readonly hidden: HiddenReasons;
	private readonly symbols: KernelSymbols;
	private readonly clock = new WallClock();
	private readonly counts: EventCounts;
	private readonly tally: Tally;
	private readonly ring: RingRecords;
	private readonly owners: SocketOwners;
	private readonly namespaces: NamespaceGroups;
	private readonly kernel: KernelEvents;
	private readonly oom = new OomDetails();
	private readonly polled: Polled;
	private readonly correlation = new Correlation(monotonicNs());
	private readonly describer: Describer;
	private readonly source: Source;
	/** Records since the last read, and those beyond the limit. */
	private readonly events: EventRecord[] = [];
	private leftOut: Count = 0;
	private ringFull: Count = 0;

	/** @throws {Unavailable} */
	constructor(host: Host, options: Options) {
		const settings = eventSettings(options);
		this.names = new ReasonNames(host.addon);
		this.reasons = new Reasons(settings.reasons);
		this.hidden = new HiddenReasons(settings.hide, settings.show, settings.all, this.reasons);
		this.loaded = loadEvents(host, settings, this.names, this.hidden);
		const { bpf, hooks } = this.loaded;
		const { names, reasons, hidden } = this;
		const timeOf = this.clock.of;
		this.counts = new EventCounts(bpf);
		this.symbols = new KernelSymbols(host.procRoot);
		this.ring = new RingRecords(bpf, this.symbols, settings.frames);
		this.owners = new SocketOwners(bpf, monotonicNs());
		this.namespaces = new NamespaceGroups(host.procRoot);
		const groupOf = (netns: number) => this.namespaces.of(netns);
		this.tally = new Tally({ names, reasons, hidden, symbols: this.symbols, groupOf });
		this.kernel = new KernelEvents(new Set(hooks.map((hook) => hook.replace(/^tp_btf\//, ''))), reasons);
		const cgroups = cgroupsOf(host);
		const cgroup = (id: number, process: ProcessId) => cgroups.pathOf(id, process);
		const { procRoot, sysRoot } = host;
		const blocked = new BlockedReader({ bpf, symbols: this.symbols, procRoot, sysRoot, cgroup });
		this.polled = new Polled({ host, blocked, reasons, timeOf, report: (record, count) => this.report(record, count) });
		this.describer = {
			names,
			reasons,
			timeOf,
			cgroup,
			symbol: (address) => this.symbols.of(address),
			pageBytes: pageSize(),
		};
		const log = this.kernel.state;
		this.source = {
			kind: 'tracepoint',
			description: 'what the kernel reports at tracepoints and in its log, and what polling of tasks and devices finds',
			uncertainty: 'counts exact',
			hooks: [...hooks, ...(log === 'read' ? ['/dev/kmsg'] : [])],
			missing: [...this.loaded.missing, ...(log === 'read' ? [] : [`kernel log ${log}`])],
		};
		// what the log has by now was before the start
		this.drain();
	}

	drain(): void {
		this.clock.set();
		this.ring.drain();
		for (const { record, recorded, double } of this.kernel.read(this.clock.of)) {
			if (double) this.oom.add(record);
			else this.report(record, 1, recorded);
		}
	}

	read(): Reading<EventRow, EventsExtra> {
		const now = monotonicNs();
		this.tally.next();
		// records first: their counts are then in the tables for sure
		this.drain();
		const counted = this.counts.read();
		for (const { key } of counted.groups) this.symbols.want(key.location);
		// with the names of both
		const { records, leftOut, unowned } = this.ring.take(this.describer);
		if (unowned) this.owners.wanted(now);
		this.leftOut += leftOut;
		this.tally.learn(records);
		this.nameGroups(counted, records, now);
		const lostRecords = leftOut > 0 || counted.ringFull > this.ringFull;
		this.ringFull = counted.ringFull;
		const hidden_count = this.tally.addCounts(counted);
		this.oom.join(records);
		const links = this.polled.readLinks(now);
		this.correlation.join(records, lostRecords || this.dropsUnseen(counted) || droppedByDevices(links), now);
		for (const record of records) this.keep(record);
		const { blocked, wait_chains } = this.polled.readBlocked(now);
		const rows = this.tally.rows(this.clock.of);
		const events = this.events.splice(0).sort((a, b) => a.mono_ns - b.mono_ns);
		const events_left_out = this.leftOut;
		this.leftOut = 0;
		return {
			rows,
			extra: {
				events,
				events_left_out,
				reasons: this.tally.reasons(),
				hidden_count,
				blocked,
				wait_chains,
				links,
				memory_growth: this.polled.readGrowth(now, rows),
				kernel_log: this.kernel.state,
			},
			source: this.source,
			lost: { ring_full: counted.ringFull, pairs_full: counted.pairsFull, kernel_log: this.kernel.overwritten },
		};
	}

	cost(fresh?: boolean) {
		return this.loaded.bpf.cost(fresh);
	}

	close(): void {
		this.kernel.close();
		this.loaded.bpf.close();
	}

	/** The container of what happened to no process. */
	private nameGroups({ groups }: Counted, records: readonly EventRecord[], now: Ns): void {
		const ofNobody = groups.filter(({ key }) => key.pid === 0).map(({ key }) => key.netns);
		this.namespaces.wanted(ofNobody, now);
		for (const record of records)
			if (record.pid === 0 && record.cgroup === '') record.cgroup = this.namespaces.of(record.netns);
	}

	/** An event that no program counts: it counts here. */
	private report(record: EventRecord, count: Count, allowed = true): void {
		const recorded = allowed && this.tally.mayRecord(record, MOST_RECORDED);
		this.tally.add(record, count, recorded);
		if (recorded) this.keep(record);
	}

	private keep(record: EventRecord): void {
		if (this.hidden.has(record.kind, record.reason)) return;
		if (this.events.length >= EVENTS_LISTED) this.leftOut++;
		else this.events.push(record);
	}

	/** Drops without a record that may have been lost segments: those of normal operation, or of other protocols, were none. */
	private dropsUnseen({ groups, ungrouped }: Counted): boolean {
		return (
			ungrouped > 0 ||
			groups.some(({ key, count, recorded }) => {
				if (recorded === count || (key.protocol !== 0 && key.protocol !== TCP)) return false;
				const { kind, reason } = ofSlot(key.slot);
				if (kind !== 'drop') return false;
				const name = this.names.of(kind, reason);
				return name === 'NOT_SPECIFIED' || this.reasons.of(kind, name).cause !== 'normal';
			})
		);
	}
}
