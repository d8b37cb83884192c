/** One run of the events tracer: records and counts of the kernel's programs, its log, blocked tasks and links. */

import type { BpfSession } from '../../bpf/bpf-session.ts';
import { cgroupsOf } from '../../bpf/cgroups.ts';
import { openBpf } from '../../bpf/load.ts';
import type { Source } from '../../core/snapshot.ts';
import type { Host, Options, Reading, Session } from '../../core/tracer.ts';
import { constants, event, maps } from '../../generated/events.ts';
import { monotonicNs } from '../../lib/clock.ts';
import { type SafeText, safe, sanitize } from '../../lib/sanitize.ts';
import type { Count, Ns } from '../../lib/units.ts';
import { tickLength } from '../../system/kernel-config.ts';
import { protocolName } from './addresses.ts';
import { EventCounts, type GroupDelta } from './counts.ts';
import { type Describer, describe, processText } from './describe.ts';
import { EventGroups, type Who } from './groups.ts';
import { ofSlot, ReasonNames, SLOTS } from './kinds.ts';
import { KernelEvents } from './kmsg/events.ts';
import { type EventSettings, eventSettings } from './options.ts';
import { HiddenReasons, NOT_KNOWN } from './reasons.ts';
import { EVENTS_LISTED, type EventRecord, type EventRow, type EventsExtra, type ReasonCount } from './snapshot.ts';

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
};

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
	private events: EventRecord[] = [];
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
			],
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
		this.describer = {
			names: this.names,
			timeOf: (mono_ns) => this.timeOf(mono_ns),
			cgroup: (id) => cgroups.path(id),
			symbol: (address) => hexText(address),
			pageBytes: 4096,
		};
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
		for (const chunk of this.records()) this.keep(chunk);
		for (const { record, told } of this.kernel.read((ns) => this.timeOf(ns))) {
			const { kind, reason, mono_ns, severity } = record;
			const counts = { count: 1, told: told ? 1 : 0, suppressed: told ? 0 : 1 };
			const who = { ...whoOf(record), netns: 0, protocol: safe`` };
			this.groups.add(kind, reason, who, { ...counts, first_ns: mono_ns, last_ns: mono_ns }, severity);
			this.addTotal(kind, reason, counts);
			if (told && !this.hidden.has(kind, reason)) this.keep(record);
		}
	}

	read(): Reading<EventRow, EventsExtra> {
		this.groups.next();
		for (const total of this.totals.values()) {
			total.count = 0;
			total.told = 0;
			total.suppressed = 0;
		}
		// records first: their counts are then in the tables for sure
		this.drain();
		const { reasons, groups, ringFull, pairsFull } = this.counts.read();
		this.ringFull = ringFull;
		this.pairsFull = pairsFull;
		let hiddenCount = 0;
		const rest = new Map(reasons);
		for (const group of groups) {
			const { kind, reason } = this.reasonOf(group.key.slot);
			const left = rest.get(group.key.slot);
			if (left)
				rest.set(group.key.slot, {
					...left,
					count: left.count - group.count,
					sum: left.sum - group.sum,
					told: left.told - group.told,
					suppressed: left.suppressed - group.suppressed,
				});
			this.groups.add(kind, reason, this.whoOfGroup(group), {
				count: group.count,
				told: group.told,
				suppressed: group.suppressed,
				...(STALLS.has(kind) ? { stalled_ns: group.sum } : { bytes: group.sum }),
				first_ns: group.first_ns,
				last_ns: group.last_ns,
				...(group.key.location !== 0 && { location: this.describer.symbol(group.key.location) }),
			});
		}
		for (const [slot, delta] of reasons) {
			const { kind, reason } = this.reasonOf(slot);
			this.addTotal(kind, reason, delta);
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
		const rows = this.groups.rows((ns) => this.timeOf(ns)).filter(({ kind, reason }) => !this.hidden.has(kind, reason));
		const events = this.events.sort((a, b) => a.mono_ns - b.mono_ns);
		const leftOut = this.leftOut;
		this.events = [];
		this.leftOut = 0;
		return {
			rows,
			extra: {
				events,
				events_left_out: leftOut,
				reasons: [...this.totals.values()].map((total) => ({ ...total })),
				hidden_count: hiddenCount,
				blocked: [],
				wait_chains: [],
				links: [],
				kernel_log: this.kernel.state,
			},
			source: this.source,
			lost: { ring_full: this.ringFull, pairs_full: this.pairsFull, kernel_log: this.kernel.overwritten },
		};
	}

	cost() {
		return this.bpf.cost();
	}

	close(): void {
		this.kernel.close();
		this.bpf.close();
	}

	private *records(): Generator<EventRecord> {
		const found: EventRecord[] = [];
		this.bpf.drain(maps.events.name, (view, at) => {
			const record = event.read(view, at);
			const stack: number[] = [];
			for (let frame = 0; frame < record.frames && frame < this.settings.frames; frame++) {
				// signed: a double holds kernel addresses exactly then
				const address = at + STACK_AT + frame * 8;
				stack.push(view.getUint32(address, true) + view.getInt32(address + 4, true) * 4294967296);
			}
			const one = describe(record, stack, this.describer);
			if (one.pid > 0 && one.start_time > 0) this.starts.set(one.pid, one);
			found.push(one);
		});
		yield* found;
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

function whoOf({ who, pid, start_time, comm, cgroup }: EventRecord): Omit<Who, 'netns' | 'protocol'> {
	return { name: who, pid, start_time, comm, cgroup };
}

function hexText(address: number): SafeText {
	return sanitize(`0x${BigInt.asUintN(64, BigInt(address)).toString(16)}`);
}
