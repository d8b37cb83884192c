/** One run of the events tracer: records and counts of the kernel's programs, its log, blocked tasks and links. */

import type { BpfSession } from '../../bpf/bpf-session.ts';
import { cgroupsOf } from '../../bpf/cgroups.ts';
import { openBpf } from '../../bpf/load.ts';
import type { Source } from '../../core/snapshot.ts';
import type { Host, Options, Reading, Session } from '../../core/tracer.ts';
import { constants, event, maps } from '../../generated/events.ts';
import { monotonicNs } from '../../lib/clock.ts';
import { formatNs } from '../../lib/format.ts';
import { type SafeText, safe, sanitize } from '../../lib/sanitize.ts';
import type { Count, Ns } from '../../lib/units.ts';
import { KernelSymbols } from '../../symbols/kernel-names.ts';
import { tickLength } from '../../system/kernel-config.ts';
import { protocolName } from './addresses.ts';
import { blockedTasks, waitChains } from './blocked/chains.ts';
import { BlockedReader } from './blocked/reader.ts';
import { waitOf } from './blocked/waits.ts';
import { Correlation } from './correlate.ts';
import { type Counted, type Delta, EventCounts, type GroupDelta } from './counts.ts';
import { type Describer, describe, processText } from './describe.ts';
import { EventGroups, type Who } from './groups.ts';
import { ofSlot, ReasonNames, SLOTS } from './kinds.ts';
import { KernelEvents } from './kmsg/events.ts';
import { Links } from './links.ts';
import { MemoryGrowthReader } from './memory-growth.ts';
import { type EventSettings, eventSettings } from './options.ts';
import { HiddenReasons, NOT_KNOWN, reasonOf } from './reasons.ts';
import { bareRecord } from './record.ts';
import { EVENTS_LISTED, type EventRecord, type EventRow, type EventsExtra, type ReasonCount } from './snapshot.ts';
import { StealReader, verdict } from './steal.ts';

/** Programs, and the cost of their absence. All are optional. */
const PROGRAMS: Readonly<Record<string, string>> = {
	kfree_skb: 'no packet drops',
	inet_sock_set_state: 'processes of sockets are not known',
	tcp_retransmit_skb: 'no retransmits',
	tcp_retransmit_synack: 'no retransmits of SYN-ACKs',
	tcp_send_reset: 'no resets that this machine sends',
	tcp_receive_reset: 'no resets that this machine receives',
	sock_rcvqueue_full: 'no full receive queues',
	sock_exceed_buf_limit: 'no memory limits of protocols',
	net_dev_xmit_timeout: 'no hanging transmit queues, except from the kernel log',
	mark_victim: 'OOM kills from the kernel log only',
	finish_task_reaping: 'no reaping of OOM victims',
	skip_task_reaping: 'no reaping of OOM victims',
	direct_reclaim_begin: 'no direct reclaim',
	direct_reclaim_end: 'no direct reclaim',
	memcg_reclaim_begin: 'no reclaim of control groups at their limit',
	memcg_reclaim_end: 'no reclaim of control groups at their limit',
	compaction_begin: 'no compaction',
	compaction_end: 'no compaction',
	balance_dirty_pages: 'no throttled writes',
	sched_process_hang: 'hung tasks from the kernel log only',
	local_timer_entry: 'no gaps of the tick',
	tick_stop: 'no gaps of the tick',
	blocked_tasks: 'no blocked tasks',
	block_rq_error: 'block errors from the kernel log only',
	ext4_error: 'errors of ext4 from the kernel log only',
	xfs_force_shutdown: 'errors of XFS from the kernel log only',
	thermal_zone_trip: 'temperatures from the kernel log only',
	mc_event: 'memory errors from the kernel log only',
	mce_record: 'machine checks from the kernel log only',
	aer_event: 'errors of PCI Express from the kernel log only',
	arm_event: '',
	non_standard_event: '',
	latency_netif_rx: 'no time in the driver of packets without GRO',
	latency_gro: 'no time in the driver',
	latency_gro_frags: '',
	latency_stack: 'no times of received packets',
	latency_protocol: 'no time in the protocols',
	latency_copy: 'no time until TCP is read',
	latency_datagram: 'no time until datagrams are read',
};

/** Every received packet passes them: only with --events-receive. */
const RECEIVE_PROGRAMS = [
	'latency_netif_rx',
	'latency_gro',
	'latency_gro_frags',
	'latency_stack',
	'latency_protocol',
	'latency_copy',
	'latency_datagram',
];

/** Ticks without which a CPU has a gap, and the least gap. */
const GAP = { ticks: 3, least_ns: 10e6 };

/** The longest tick that kernels have, for one that does not publish it: gaps are longer then, never wrong. */
const LONGEST_TICK_NS = 10e6;

export class EventsSession implements Session<EventRow, EventsExtra> {
	private readonly bpf: BpfSession;
	private readonly counts: EventCounts;
	private readonly groups = new EventGroups();
	private readonly names: ReasonNames;
	private readonly settings: EventSettings;
	private readonly hidden: HiddenReasons;
	private readonly kernel: KernelEvents;
	private readonly describer: Describer;
	private readonly source: Source;
	/** Wall clock minus CLOCK_MONOTONIC, ms. */
	private offset = 0;
	/** Records since the last read, and those beyond the limit. */
	private readonly events: EventRecord[] = [];
	private readonly pending: { record: event; stack: number[] }[] = [];
	private readonly oomDetails = new Map<number, NonNullable<EventRecord['oom']>>();
	private readonly symbols: KernelSymbols;
	private readonly blocked: BlockedReader;
	private readonly links: Links;
	private readonly growth: MemoryGrowthReader;
	private readonly steal: StealReader;
	private readonly correlation = new Correlation(monotonicNs());
	private leftOut: Count = 0;
	private readonly totals = new Map<string, ReasonCount>();
	/** Starts of processes by pid, from records: counts have the pid only. */
	private readonly starts = new Map<number, { start_time: Ns; cgroup: SafeText }>();
	private ringFull: Count = 0;
	private pairsFull: Count = 0;

	/** @throws {Unavailable} */
	constructor(host: Host, options: Options) {
		const { addon } = host;
		this.settings = eventSettings(options);
		this.names = new ReasonNames(addon);
		this.hidden = new HiddenReasons(this.settings.hide, this.settings.show, this.settings.all);
		const receive = this.settings.receive_ns;
		const tick = tickLength(host.procRoot);
		const tick_ns = tick ?? LONGEST_TICK_NS;
		const arguments_ = (name: string) => addon.tracepointArguments(name);
		// programs at tracepoints have the storage of sockets since 5.11
		const keepsOwners = addon.hasType('func', 'bpf_sk_storage_get_tracing');
		this.bpf = openBpf(host, 'events', {
			layout: constants,
			constants: {
				keeps_owners: keepsOwners,
				kfree_skb_args: arguments_('kfree_skb'),
				retransmit_args: arguments_('tcp_retransmit_skb'),
				send_reset_args: arguments_('tcp_send_reset'),
				mark_victim_args: arguments_('mark_victim'),
				dirty_args: arguments_('balance_dirty_pages'),
				stack_frames: this.settings.frames,
				receive_driver_ns: receive?.[0] ?? 0,
				receive_protocol_ns: receive?.[1] ?? 0,
				receive_copy_ns: receive?.[2] ?? 0,
				stall_ns: this.settings.stall_ns,
				tick_length_ns: tick_ns,
				tick_gap_ns: Math.max(GAP.ticks * tick_ns, GAP.least_ns),
			},
			shards: [maps.events_cpus.name],
			optional: PROGRAMS,
			// their pauses are in ticks
			without: [
				...(tick === undefined ? ['balance_dirty_pages'] : []),
				...(keepsOwners ? [] : ['inet_sock_set_state']),
				...(receive ? [] : RECEIVE_PROGRAMS),
			],
			maxEntries: receive ? {} : { [maps.received.name]: 1 },
			loaded: (object) => {
				const key = new Uint32Array(1);
				const value = new Uint32Array(1);
				for (let slot = 0; slot < SLOTS; slot++) {
					const { kind, reason } = ofSlot(slot);
					if (this.hidden.has(kind, this.names.of(kind, reason))) continue;
					key[0] = slot;
					value[0] = this.settings.rate;
					object.update(maps.budgets.name, new Uint8Array(key.buffer), new Uint8Array(value.buffer));
				}
			},
		});
		this.counts = new EventCounts(this.bpf);
		this.setClock();
		this.kernel = new KernelEvents(new Set(this.bpf.hooks.map((hook) => hook.replace(/^tp_btf\//, ''))));
		const cgroups = cgroupsOf(host);
		this.symbols = new KernelSymbols(host.procRoot);
		this.links = new Links(host.procRoot, host.sysRoot);
		this.steal = new StealReader(host.procRoot);
		this.growth = new MemoryGrowthReader(host.procRoot);
		this.describer = {
			names: this.names,
			timeOf: (mono_ns) => this.timeOf(mono_ns),
			cgroup: (id) => cgroups.path(id),
			symbol: (address) => this.symbols.of(address),
			pageBytes: 4096,
		};
		this.blocked = new BlockedReader({
			bpf: this.bpf,
			symbols: this.symbols,
			procRoot: host.procRoot,
			sysRoot: host.sysRoot,
			cgroup: (id) => cgroups.path(id),
		});
		this.source = {
			kind: 'tracepoint',
			description: 'what the kernel reports at tracepoints and in its log, and what polling of tasks and devices finds',
			uncertainty: 'counts exact',
			hooks: [...this.bpf.hooks, ...(this.kernel.state === 'read' ? ['/dev/kmsg'] : [])],
			missing: [
				...this.bpf.missing,
				...(keepsOwners
					? []
					: ['no storage of sockets at tracepoints (since 5.11): processes of sockets are not known']),
				...(tick === undefined
					? ['CONFIG_HZ is not published: no throttled writes, and gaps of the tick from 30 ms on']
					: []),
				...(this.kernel.state === 'read' ? [] : [`kernel log ${this.kernel.state}`]),
			],
		};
		// what the log has by now was before the start
		this.drain();
	}

	drain(): void {
		this.setClock();
		this.takeRecords();
		for (const { record, told, double } of this.kernel.read((ns) => this.timeOf(ns))) {
			if (double) this.addDetails(record);
			else this.report(record, 1, told);
		}
	}

	read(): Reading<EventRow, EventsExtra> {
		const now = monotonicNs();
		this.groups.next();
		for (const total of this.totals.values()) {
			total.count = 0;
			total.told = 0;
			total.suppressed = 0;
		}
		// records first: their counts are then in the tables for sure
		this.drain();
		this.symbols.resolve();
		const records = this.pending.splice(0).map(({ record, stack }) => describe(record, stack, this.describer));
		for (const record of records) if (record.pid > 0 && record.start_time > 0) this.starts.set(record.pid, record);
		if (this.starts.size > MOST_STARTS) this.starts.clear();
		const counted = this.counts.read();
		const lostRecords = counted.ringFull > this.ringFull;
		this.ringFull = counted.ringFull;
		this.pairsFull = counted.pairsFull;
		for (const { key } of counted.groups) this.symbols.want(key.location);
		this.symbols.resolve();
		const verdicts = this.judgeGaps(records, counted.groups);
		const hiddenCount = this.addCounts(counted, verdicts);
		this.correlation.join(records, lostRecords || dropsUnseen(counted.reasons, this.names), now);
		for (const record of records) if (!this.hidden.has(record.kind, record.reason)) this.keep(record);
		const { blocked, wait_chains } = this.readBlocked(now);
		const links = this.readLinks(now);
		const rows = this.groups.rows((ns) => this.timeOf(ns)).filter(({ kind, reason }) => !this.hidden.has(kind, reason));
		const events = this.events.splice(0).sort((a, b) => a.mono_ns - b.mono_ns);
		const leftOut = this.leftOut;
		this.leftOut = 0;
		return {
			rows,
			extra: {
				events,
				events_left_out: leftOut,
				reasons: [...this.totals.values()].map((total) => ({ ...total })),
				hidden_count: hiddenCount,
				blocked,
				wait_chains,
				links,
				memory_growth: this.readGrowth(now, rows),
				kernel_log: this.kernel.state,
			},
			source: this.source,
			lost: { ring_full: this.ringFull, pairs_full: this.pairsFull, kernel_log: this.kernel.overwritten },
		};
	}

	cost(fresh?: boolean) {
		return this.bpf.cost(fresh);
	}

	close(): void {
		this.kernel.close();
		this.bpf.close();
	}

	/** Copies of the ring's records: names are looked up at the read. */
	private takeRecords(): void {
		this.bpf.drain(maps.events.name, (view, at) => {
			const record = event.read(view, at);
			const stack: number[] = [];
			for (let frame = 0; frame < record.frames && frame < this.settings.frames; frame++) {
				// signed: a double holds kernel addresses exactly then
				const from = at + STACK_AT + frame * 8;
				stack.push(view.getUint32(from, true) + view.getInt32(from + 4, true) * 4294967296);
			}
			for (const address of stack) this.symbols.want(address);
			this.symbols.want(record.location);
			if (this.pending.length >= MOST_PENDING) {
				this.leftOut++;
				return;
			}
			const { saddr, daddr, device, comm, text } = record;
			this.pending.push({
				record: {
					...record,
					saddr: saddr.slice(),
					daddr: daddr.slice(),
					device: device.slice(),
					comm: comm.slice(),
					text: text.slice(),
				},
				stack,
			});
		});
	}

	/** An event that no program counts: it counts here. */
	private report(record: EventRecord, count: Count, told = true): void {
		const { kind, reason, mono_ns, severity } = record;
		const counts = { count, told: told ? 1 : 0, suppressed: told ? 0 : count };
		const who = { ...whoOf(record), netns: 0, protocol: safe`` };
		this.groups.add(kind, reason, who, { ...counts, first_ns: mono_ns, last_ns: mono_ns }, severity);
		this.addTotal(kind, reason, counts);
		if (told && !this.hidden.has(kind, reason)) this.keep(record);
	}

	/** What the kernel's log has beside a tracepoint: the control groups of an OOM kill. */
	private addDetails({ kind, pid, oom }: EventRecord): void {
		if (kind === 'oom' && oom) this.oomDetails.set(pid, oom);
		if (this.oomDetails.size > 64) this.oomDetails.delete(this.oomDetails.keys().next().value as number);
	}

	/** Verdict of each CPU whose tick had gaps; the reason of its records. */
	private judgeGaps(records: EventRecord[], groups: readonly GroupDelta[]): Map<number, SafeText> {
		const stolen = this.steal.read();
		const verdicts = new Map<number, SafeText>();
		for (const { key, sum } of groups) {
			if (ofSlot(key.slot).kind !== 'tick-gap') continue;
			const own = records.filter(({ kind, figures }) => kind === 'tick-gap' && figures['cpu'] === key.object);
			const switched = own.some(({ figures }) => (figures['switches'] ?? 0) > 0);
			verdicts.set(key.object, verdict({ sum_ns: sum, switched }, stolen.get(key.object)));
		}
		for (const record of records) {
			if (record.kind === 'oom' && record.oom) {
				const details = this.oomDetails.get(record.pid);
				if (details) {
					const { constraint, limit_cgroup, victim_cgroup } = details;
					Object.assign(record.oom, { constraint, limit_cgroup, victim_cgroup });
					if (record.cgroup === '' || record.cgroup === '/') record.cgroup = victim_cgroup;
					if (limit_cgroup !== '') record.text = safe`${record.text}; the limit is that of ${limit_cgroup}`;
				}
			}
			const found = record.kind === 'tick-gap' ? verdicts.get(record.figures['cpu'] as number) : undefined;
			if (found !== undefined) {
				const about = reasonOf('tick-gap', found);
				Object.assign(record, { ...about, reason: found });
			}
		}
		return verdicts;
	}

	/** Returns the number of hidden events. */
	private addCounts({ reasons, groups }: Counted, verdicts: ReadonlyMap<number, SafeText>): Count {
		let hiddenCount = 0;
		const rest = new Map(reasons);
		for (const group of groups) {
			const { slot, location, object } = group.key;
			const { kind, reason: named } = this.reasonOf(slot);
			const reason = kind === 'tick-gap' ? (verdicts.get(object) ?? named) : named;
			const left = rest.get(slot);
			if (left)
				rest.set(slot, {
					...left,
					count: left.count - group.count,
					sum: left.sum - group.sum,
					told: left.told - group.told,
					suppressed: left.suppressed - group.suppressed,
				});
			if (kind === 'tick-gap') this.addTotal(kind, reason, group);
			this.groups.add(kind, reason, this.whoOfGroup(group), {
				count: group.count,
				told: group.told,
				suppressed: group.suppressed,
				...(STALLS.has(kind) ? { stalled_ns: group.sum } : { bytes: group.sum }),
				first_ns: group.first_ns,
				last_ns: group.last_ns,
				...(location !== 0 && { location: this.symbols.of(location) }),
			});
		}
		for (const [slot, delta] of reasons) {
			const { kind, reason } = this.reasonOf(slot);
			if (kind !== 'tick-gap') this.addTotal(kind, reason, delta);
			if (this.hidden.has(kind, reason)) hiddenCount += delta.count;
			const left = rest.get(slot);
			// those whose group had no room in the kernel's table
			if (left && left.count > 0)
				this.groups.add(
					kind,
					reason,
					{ ...NOBODY, name: safe`others` },
					{ ...left, first_ns: left.last_ns, last_ns: left.last_ns },
				);
		}
		return hiddenCount;
	}

	private readBlocked(now: Ns): Pick<EventsExtra, 'blocked' | 'wait_chains'> {
		const blocked = blockedTasks(this.blocked.read(now, BLOCKED_NS), BLOCKED_NS);
		for (const task of blocked) {
			if (!this.blocked.firstReport(task.tid, task.start_time)) continue;
			const reason = waitOf(task.stack)?.reason ?? safe`UNKNOWN`;
			const about = reasonOf('blocked', reason);
			const chain = task.chain.map(({ name }) => name).join(', which waits for ') as SafeText;
			this.report(
				{
					...this.polled('blocked', reason, now),
					...about,
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

	private readLinks(now: Ns): EventsExtra['links'] {
		const { links, changes } = this.links.read();
		for (const { kind, reason, device, count, text, figures } of changes) {
			const record = { ...this.polled(kind, reason, now), who: device, device, text, figures };
			this.report(record, count);
		}
		return links;
	}

	/** Groups that grew, where a task stalled for a tenth of a second or more. */
	private readGrowth(now: Ns, rows: readonly EventRow[]): EventsExtra['memory_growth'] {
		this.growth.sample(now);
		const stalled = rows.some(({ kind, stalled_ns }) => kind !== 'tick-gap' && stalled_ns >= GROWTH_FROM_NS);
		return stalled ? this.growth.growth() : [];
	}

	/** An event that was found by polling; the rest is to be filled in. */
	private polled(kind: EventRecord['kind'], reason: SafeText, mono_ns: Ns): EventRecord {
		return bareRecord({ kind, reason, origin: 'poll' }, mono_ns, (ns) => this.timeOf(ns));
	}

	private keep(record: EventRecord): void {
		if (this.events.length >= EVENTS_LISTED) this.leftOut++;
		else this.events.push(record);
	}

	private reasonOf(slot: number) {
		const { kind, reason } = ofSlot(slot);
		return { kind, reason: this.names.of(kind, reason) };
	}

	private addTotal(
		kind: ReasonCount['kind'],
		reason: SafeText,
		{ count, told, suppressed }: Pick<ReasonCount, 'count' | 'told' | 'suppressed'>,
	): void {
		const id = `${kind}|${reason}`;
		let total = this.totals.get(id);
		if (!total) {
			const hidden = this.hidden.has(kind, reason);
			total = { kind, reason, count: 0, told: 0, suppressed: 0, count_total: 0, hidden };
			this.totals.set(id, total);
		}
		total.count += count;
		total.told += told;
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
		const nobody = { ...NOBODY, netns: key.netns, protocol };
		if (kind === 'tick-gap') return { ...nobody, name: safe`cpu${key.object}` };
		if (text !== '') return { ...nobody, name: text };
		if (key.port > 0) return { ...nobody, name: safe`port ${key.port}` };
		return nobody;
	}

	private setClock(): void {
		this.offset = Date.now() - monotonicNs() / 1e6;
	}

	private timeOf(mono_ns: Ns): string {
		return new Date(this.offset + mono_ns / 1e6).toISOString();
	}
}

/** A task that sleeps uninterruptibly for longer is blocked. */
const BLOCKED_NS = 1e9;
/** Stalls of an interval from which on it is said whose memory grew. */
const GROWTH_FROM_NS = 1e8;
/** Most blocked tasks and chains of a snapshot. */
const BLOCKED_LISTED = 256;
/** Most records between two reads; the rest is left out, and counted. */
const MOST_PENDING = 2000;
const MOST_STARTS = 4096;

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

/** The stack is the last member. */
const STACK_AT = event.size - 24 * 8;

/** Programs that crash come in numbers: one group for each name. */
function whoOf({ kind, who, pid, start_time, comm, cgroup }: EventRecord): Omit<Who, 'netns' | 'protocol'> {
	if (kind === 'kernel' && comm !== '') return { name: comm, pid: 0, start_time: 0, comm, cgroup };
	return { name: who, pid, start_time, comm, cgroup };
}

/** Drops without a record that may have been losses: those of normal operation were none. */
function dropsUnseen(reasons: ReadonlyMap<number, Delta>, names: ReasonNames): boolean {
	for (const [slot, { count, told }] of reasons) {
		const { kind, reason } = ofSlot(slot);
		if (kind !== 'drop' || told === count) continue;
		const name = names.of(kind, reason);
		if (name === 'NOT_SPECIFIED' || reasonOf(kind, name).cause !== 'normal') return true;
	}
	return false;
}
