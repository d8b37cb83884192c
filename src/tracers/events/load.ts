/** The BPF programs of events: which there are, their settings when they are loaded, and what this kernel lacks. */

import type { BpfSession } from '../../bpf/bpf-session.ts';
import { openBpf, openWalking } from '../../bpf/load.ts';
import type { Host } from '../../core/tracer.ts';
import { constants, maps } from '../../generated/events.ts';
import type { Count } from '../../lib/units.ts';
import { isGuest } from '../../system/guest.ts';
import { tickLength } from '../../system/kernel-config.ts';
import { WALK } from './blocked/reader.ts';
import { ofSlot, type ReasonNames, SLOTS } from './kinds.ts';
import type { EventSettings } from './options.ts';
import type { HiddenReasons } from './reasons.ts';

/** Programs, and the cost of their absence. All are optional. */
const PROGRAMS: Readonly<Record<string, string>> = {
	kfree_skb: 'no packet drops',
	kfree_skb_helped: 'no packet drops',
	inet_sock_set_state: 'processes of sockets are not known',
	file_owners: 'processes of older sockets are not known',
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

/** Tasks that may stall at once, 80 bytes each: 1,024 at least, 4,096 (as in bpf/events/memory.bpf.h) from 8 CPUs on. */
function stallsOf(cpus: Count): Count {
	return cpus > 0 ? Math.min(4096, Math.max(1024, 512 * cpus)) : 4096;
}

export interface Loaded {
	bpf: BpfSession;
	/** Names of the hooks in use. */
	hooks: readonly string[];
	/** What this kernel lacks, a sentence each. */
	missing: readonly string[];
}

/**
 * Load and attach what this kernel has. Hidden reasons get no tokens: they are counted only.
 * @throws {Unavailable}
 */
export function loadEvents(host: Host, settings: EventSettings, names: ReasonNames, hidden: HiddenReasons): Loaded {
	const { addon } = host;
	const receive = settings.receive_ns;
	const tick = tickLength(host.procRoot);
	const tick_ns = tick ?? LONGEST_TICK_NS;
	const arguments_ = (name: string) => addon.tracepointArguments(name);
	// programs at tracepoints have the storage of sockets since 5.11
	const keepsOwners = addon.hasType('func', 'bpf_sk_storage_get_tracing');
	const casts = addon.hasType('func', 'bpf_rdonly_cast');
	const open = (walks: boolean) =>
		openBpf(host, 'events', {
			layout: constants,
			constants: {
				keeps_owners: keepsOwners,
				kfree_skb_args: arguments_('kfree_skb'),
				retransmit_args: arguments_('tcp_retransmit_skb'),
				send_reset_args: arguments_('tcp_send_reset'),
				no_route_reason: names.noRoute,
				mark_victim_args: arguments_('mark_victim'),
				dirty_args: arguments_('balance_dirty_pages'),
				stack_frames: settings.frames,
				receive_driver_ns: receive?.[0] ?? 0,
				receive_protocol_ns: receive?.[1] ?? 0,
				receive_copy_ns: receive?.[2] ?? 0,
				stall_ns: settings.stall_ns,
				tick_length_ns: tick_ns,
				tick_gap_ns: Math.max(GAP.ticks * tick_ns, GAP.least_ns),
				guest: isGuest(host.procRoot),
			},
			shards: [maps.events_cpus.name],
			optional: PROGRAMS,
			without: [
				// their pauses are in ticks
				...(tick === undefined ? ['balance_dirty_pages'] : []),
				...(keepsOwners ? [] : ['inet_sock_set_state', 'file_owners']),
				...(receive ? [] : RECEIVE_PROGRAMS),
				casts ? 'kfree_skb_helped' : 'kfree_skb',
				...(walks ? [] : [WALK]),
			],
			withoutMaps: walks ? [] : [maps.blocked_reports.name],
			maxEntries: { [maps.stalls.name]: stallsOf(host.cpus), ...(!receive && { [maps.received.name]: 1 }) },
			loaded: (object) => {
				const key = new Uint32Array(1);
				const value = new Uint32Array(1);
				for (let slot = 0; slot < SLOTS; slot++) {
					const { kind, reason } = ofSlot(slot);
					if (hidden.has(kind, names.of(kind, reason))) continue;
					key[0] = slot;
					value[0] = settings.rate;
					object.update(maps.budgets.name, new Uint8Array(key.buffer), new Uint8Array(value.buffer));
				}
			},
		});
	const { bpf, missing } = openWalking(addon, open);
	return {
		bpf,
		hooks: bpf.hooks,
		missing: [
			...missing,
			...(keepsOwners ? [] : ['no storage of sockets at tracepoints (since 5.11): processes of sockets are not known']),
			...(tick === undefined
				? ['CONFIG_HZ is not published: no throttled writes, and gaps of the tick from 30 ms on']
				: []),
		],
	};
}
