/**
 * The table of reasons: whose doing an event is, how bad it is, what it means and what to do about it. Data only; the
 * first row that fits counts. The configuration file can change every row (`[events.reasons]`).
 */
import { type SafeText, safe } from '../../lib/sanitize.ts';
import type { EventCause, EventKind, EventSeverity } from './snapshot.ts';

export interface Reason {
	severity: EventSeverity;
	cause: EventCause;
	meaning: SafeText;
	advice: SafeText;
}

type Line = readonly [reasons: string, cause: EventCause, severity: EventSeverity, meaning: string, advice: string];

const DROPS: readonly Line[] = [
	[
		'NOT_SPECIFIED',
		'unknown',
		'normal',
		'the kernel gives no reason; ordinary frees are among these',
		'the location names the function; a rising count of one location is worth a look',
	],
	[
		'NO_SOCKET',
		'peer',
		'notice',
		'no process listens on the port',
		'start the service, or find who sends to the closed port',
	],
	[
		'SOCKET_RCVBUFF PROTO_MEM',
		'overload',
		'high',
		'the receive buffer of the socket is full: its process reads too slowly',
		'find what holds up the process (run queue, IO); raise SO_RCVBUF and net.core.rmem_max',
	],
	[
		'SOCKET_BACKLOG',
		'overload',
		'high',
		'the socket was locked by its process while too many packets came',
		'spread the load over more sockets; raise SO_RCVBUF',
	],
	[
		'TCP_LISTEN_OVERFLOW',
		'overload',
		'high',
		'the accept queue of a listening socket is full: clients have to retry for seconds',
		'the process calls accept() too slowly: see its run queue and IO; raise its backlog and net.core.somaxconn',
	],
	[
		'NETFILTER_DROP',
		'policy',
		'notice',
		'a firewall rule of this machine dropped the packet',
		'nft list ruleset, iptables -vL: counters show the rule',
	],
	[
		'BPF_CGROUP_EGRESS XDP TC_INGRESS TC_EGRESS SECURITY_HOOK XFRM_POLICY TAP_TXFILTER ARP_PVLAN_DISABLE BRIDGE_INGRESS_STP_STATE',
		'policy',
		'notice',
		'a program or policy of this machine dropped the packet',
		'bpftool net, bpftool cgroup tree, tc filter show, ip xfrm policy',
	],
	[
		'IP_RPFILTER IP_LOCAL_SOURCE IP_INVALID_SOURCE IP_LOCALNET MAC_INVALID_SOURCE',
		'policy',
		'notice',
		'the source address is not expected on this device (reverse path filter)',
		'check routes of both directions; sysctl net.ipv4.conf.*.rp_filter',
	],
	[
		'QDISC_DROP QDISC_OVERLIMIT QDISC_CONGESTED CAKE_FLOOD FQ_BAND_LIMIT FQ_HORIZON_LIMIT FQ_FLOW_LIMIT DUALPI2_STEP_DROP',
		'overload',
		'high',
		'a transmit queue of this machine is full, or its limit of rate is reached',
		'tc -s qdisc: a larger limit, a higher rate, or less traffic',
	],
	[
		'CPU_BACKLOG',
		'overload',
		'high',
		'the queue of received packets of a CPU is full',
		'spread interrupts over CPUs (RPS, IRQ affinity); raise net.core.netdev_max_backlog',
	],
	[
		'FULL_RING',
		'overload',
		'high',
		'the ring to a virtual device (tun, vhost, veth) is full: its reader is too slow',
		'find what holds up the reader; a longer queue (ip link set … txqueuelen)',
	],
	[
		'NOMEM SKB_UCOPY_FAULT PFMEMALLOC SKB_GSO_SEG',
		'overload',
		'high',
		'no memory for the packet',
		'see memory pressure; vm.min_free_kbytes',
	],
	[
		'UDP_CSUM TCP_CSUM IP_CSUM ICMP_CSUM SKB_CSUM',
		'peer',
		'notice',
		'the checksum is wrong: the packet was damaged on its path, or the sender computes it wrongly',
		'ethtool -S of this end; switch ports; checksum offload of the sender (ethtool -K)',
	],
	[
		'IP_OUTNOROUTES IP_INNOROUTES IP_INADDRERRORS IP_INVALID_DEST',
		'local',
		'notice',
		'there is no route to the destination',
		'ip route get ADDRESS in the network namespace of the sender',
	],
	[
		'NEIGH_CREATEFAIL NEIGH_QUEUEFULL',
		'overload',
		'high',
		'the table of neighbours (ARP, NDP) is full, or an entry has too many packets waiting',
		'net.ipv4.neigh.default.gc_thresh1 to 3; ip -s neigh',
	],
	[
		'NEIGH_FAILED NEIGH_DEAD NEIGH_HH_FILLFAIL',
		'peer',
		'notice',
		'the neighbour does not answer ARP or NDP: it is down or not in this network',
		'ip neigh; is the address right, is the machine up?',
	],
	[
		'PKT_TOO_BIG FRAG_REASM_TIMEOUT FRAG_TOO_FAR DUP_FRAG',
		'peer',
		'notice',
		'a packet was too large for the path, or its fragments did not all come',
		'path MTU: ip link, ping -M do -s SIZE; let ICMP fragmentation needed pass',
	],
	[
		'TCP_MD5NOTFOUND TCP_MD5UNEXPECTED TCP_MD5FAILURE TCP_AUTH_HDR TCP_AONOTFOUND TCP_AOUNEXPECTED TCP_AOKEYNOTFOUND TCP_AOFAILURE PSP_INPUT PSP_OUTPUT',
		'policy',
		'notice',
		'the signature of the TCP segment is missing or wrong',
		'compare the keys of both ends (BGP)',
	],
	[
		'TCP_ZEROWINDOW TCP_OFO_DROP TCP_OFO_QUEUE_PRUNE',
		'overload',
		'high',
		'the receive buffer of the connection is full',
		'the process reads too slowly: see its run queue and IO; net.ipv4.tcp_rmem',
	],
	[
		'TCP_OVERWINDOW TCP_INVALID_SEQUENCE TCP_INVALID_END_SEQUENCE TCP_INVALID_ACK_SEQUENCE TCP_ACK_UNSENT_DATA TCP_INVALID_SYN TCP_FLAGS TCP_RFC7323_PAWS TCP_RFC7323_TW_PAWS TCP_RFC7323_TSECR TCP_TOO_OLD_ACK TCP_FASTOPEN',
		'peer',
		'notice',
		'a TCP segment that does not belong to the connection as this machine knows it',
		'a middle box, two machines behind one address, or a connection older than a restart',
	],
	[
		'TCP_OLD_DATA TCP_OLD_SEQUENCE TCP_OLD_ACK TCP_OFOMERGE TCP_RFC7323_PAWS_ACK TCP_RESET TCP_CLOSE SOCKET_CLOSE TCP_ABORT_ON_DATA QUEUE_PURGE UNIX_DISCONNECT UNIX_SKIP_OOB SOCKET_FILTER TAP_FILTER PACKET_SOCK_ERROR OTHERHOST UNHANDLED_PROTO UNICAST_IN_L2_MULTICAST LOCAL_MAC MAC_IEEE_MAC_CONTROL IPV6_NDISC_NS_OTHERHOST DEV_READY',
		'normal',
		'normal',
		'normal operation: the data had come before, the socket is closed, or the packet is for another machine',
		'nothing to do',
	],
	[
		'IP_INNOROUTES_MULTICAST',
		'normal',
		'normal',
		'normal operation: a packet to a group that this machine has not joined (neighbour discovery, MLD)',
		'nothing to do',
	],
	[
		'IPV6DISABLED IP_NOPROTO INVALID_PROTO',
		'local',
		'notice',
		'this machine does not handle the protocol of the packet',
		'enable it, or find who sends it',
	],
	[
		'PKT_TOO_SMALL IP_INHDR HDR_TRUNC DEV_HDR TCP_MINTTL IPV6_BAD_EXTHDR IPV6_NDISC_FRAG IPV6_NDISC_HOP_LIMIT IPV6_NDISC_BAD_CODE IPV6_NDISC_BAD_OPTIONS VXLAN_INVALID_HDR VXLAN_VNI_NOT_FOUND CAN_RX_INVALID_FRAME CANFD_RX_INVALID_FRAME CANXL_RX_INVALID_FRAME IP_TUNNEL_ECN',
		'peer',
		'notice',
		'the headers of the packet are malformed',
		'find the sender by the address of the record',
	],
	[
		'TC_COOKIE_ERROR TC_CHAIN_NOTFOUND TC_RECLASSIFY_LOOP RECURSION_LIMIT NO_TX_TARGET TUNNEL_TXINFO VXLAN_ENTRY_EXISTS',
		'local',
		'notice',
		'an error in the set-up of this machine: a loop, or a rule without its target',
		'tc filter show; bridge fdb; ip -d link',
	],
];

const TABLE: Readonly<Record<EventKind, readonly Line[]>> = {
	drop: [
		...DROPS,
		[
			'*',
			'unknown',
			'notice',
			'the kernel dropped the packet',
			'the location and the stack of the record name the code',
		],
	],
	retransmit: [
		[
			'Loss',
			'peer',
			'high',
			'no acknowledgement came until the timer ran out: the connection stood still for 200 ms and longer',
			'drops of the connection on this machine; then the path (mtr) and the other end',
		],
		[
			'SYN',
			'peer',
			'high',
			'the other end did not answer a new connection',
			'is it up, does a firewall drop the packets, is its accept queue full?',
		],
		[
			'SYNACK',
			'peer',
			'notice',
			'the last step of a new connection did not come',
			'a firewall on the path back, a SYN flood, or a full accept queue here',
		],
		[
			'failed',
			'local',
			'notice',
			'a segment was to be sent again and could not be: no memory, no route, or it is still in a queue here',
			'qdisc and device drops of this machine',
		],
		[
			'Recovery',
			'peer',
			'notice',
			'a segment was lost on the path and sent again at once',
			'a few are normal on the internet; in one data centre look at drops of both ends and switch ports',
		],
		[
			'*',
			'peer',
			'notice',
			'a segment was sent again: a probe for a lost tail, or reordering',
			'a few are normal; many with a low rate of loss mean reordering on the path',
		],
	],
	'reset-sent': [
		[
			'NO_SOCKET',
			'peer',
			'notice',
			'this machine refused a connection: no process listens on the port',
			'start the service, or find who connects to the closed port',
		],
		[
			'TCP_ABORT_ON_CLOSE TCP_ABORT_ON_DATA TCP_ABORT_ON_LINGER TCP_DISCONNECT_WITH_DATA',
			'local',
			'notice',
			'the process closed a connection that still had data',
			'a time-out or an error in the process: see its log',
		],
		[
			'TCP_ABORT_ON_MEMORY',
			'overload',
			'high',
			'a connection was ended for want of memory',
			'net.ipv4.tcp_mem, tcp_max_orphans',
		],
		[
			'TCP_KEEPALIVE_TIMEOUT',
			'peer',
			'notice',
			'the other end did not answer for the keepalive time',
			'is it down, or does a firewall forget idle connections?',
		],
		['*', 'unknown', 'notice', 'this machine ended a connection', 'the addresses and the stack of the record'],
	],
	'reset-received': [
		[
			'*',
			'peer',
			'notice',
			'the other end refused or ended the connection',
			'its port is closed, its process has ended, or a middle box cut the connection',
		],
	],
	overflow: [
		[
			'LISTEN_QUEUE',
			'overload',
			'high',
			'the accept queue of a listening socket is full: clients have to retry for seconds',
			'the process calls accept() too slowly: see its run queue and IO; raise its backlog and net.core.somaxconn',
		],
		[
			'BUFFER_LIMIT',
			'overload',
			'high',
			'the memory of the protocol is at its limit',
			'net.ipv4.tcp_mem, udp_mem; the memory limit of the container',
		],
		[
			'*',
			'overload',
			'high',
			'the receive queue of the socket is full: its process reads too slowly',
			'find what holds up the process (run queue, IO); raise SO_RCVBUF and net.core.rmem_max',
		],
	],
	'tx-timeout': [
		[
			'*',
			'hardware',
			'severe',
			'a transmit queue of the device has not moved for seconds: its driver resets it',
			'kernel log, firmware and driver versions (ethtool -i), the cable',
		],
	],
	oom: [
		[
			'VICTIM',
			'overload',
			'severe',
			'no memory was left in the machine or the control group: the kernel ended this process',
			'raise the limit, find what grew (overview, RSS), or lower oom_score_adj of what must live',
		],
		[
			'NOT_REAPED',
			'overload',
			'high',
			'the memory of the victim could not be taken back at once',
			'it blocks: see blocked tasks',
		],
		['*', 'overload', 'notice', 'the memory of the victim was taken back', 'see the victim'],
	],
	reclaim: [
		[
			'CGROUP',
			'overload',
			'high',
			'the task freed memory itself because its control group is at its limit',
			'raise the memory limit of the container, or make it use less',
		],
		[
			'*',
			'overload',
			'high',
			'the task freed memory itself because none was left',
			'see who grew (memory pressure); vm.min_free_kbytes, vm.watermark_scale_factor',
		],
	],
	compaction: [
		[
			'*',
			'overload',
			'high',
			'the task moved pages to get a large piece of memory',
			'huge pages: /sys/kernel/mm/transparent_hugepage/defrag',
		],
	],
	'throttled-write': [
		[
			'*',
			'overload',
			'notice',
			'the task writes faster than the disk and was put to sleep',
			'see the disk; vm.dirty_background_bytes, vm.dirty_bytes',
		],
	],
	'hung-task': [
		[
			'*',
			'unknown',
			'severe',
			'the task has slept uninterruptibly for kernel.hung_task_timeout_secs',
			'its stack and the wait chains say what it waits for: a disk, a server, a lock',
		],
	],
	'tick-gap': [
		[
			'STOLEN_BRIEF TIMER_LATE_BRIEF UNKNOWN_BRIEF',
			'overload',
			'normal',
			'the host of this virtual machine ran something else, or its timer came late, for a moment',
			'nothing: gaps that add up to 100 ms at once, or to 5 % of the time, are listed as STOLEN, TIMER_LATE or UNKNOWN',
		],
		[
			'STOLEN',
			'overload',
			'notice',
			'the hypervisor did not run this CPU, or the whole machine',
			'the host is overcommitted, or stopped the guest (snapshot, migration): steal time; a larger or dedicated instance',
		],
		[
			'IRQS_OFF',
			'local',
			'high',
			'code of the kernel kept interrupts off',
			'the stack is where they came on again: a driver or a file system',
		],
		[
			'TIMER_LATE',
			'unknown',
			'notice',
			'the timer of this CPU came late, though other interrupts were served',
			'clock source and timer set-up; firmware (SMI); in a virtual machine: its host, which delivers the timer',
		],
		[
			'*',
			'unknown',
			'notice',
			'a CPU did not tick; this hypervisor does not say what it takes, so that the cause is not known',
			'the host, code with interrupts off, or firmware',
		],
	],
	'block-error': [
		[
			'TIMEOUT TRANSPORT OFFLINE',
			'hardware',
			'severe',
			'the disk did not answer',
			'cable, controller, path (multipath); smartctl -a',
		],
		[
			'NOTSUPP INVAL',
			'local',
			'notice',
			'the disk does not support the request',
			'often a discard or a flush that the device does not know',
		],
		['NOSPC', 'local', 'severe', 'the storage below the disk is full (thin provisioning)', 'extend the pool'],
		[
			'*',
			'hardware',
			'severe',
			'a request has failed: data was not read or written',
			'smartctl -a; kernel log; RAID state',
		],
	],
	'fs-error': [
		[
			'*',
			'hardware',
			'severe',
			'the file system found damage',
			'back up, unmount, fsck; look for block errors before it',
		],
	],
	thermal: [
		[
			'*',
			'hardware',
			'high',
			'a temperature reached a trip point: the kernel slows the CPU down',
			'fans, dust, power limits; see watts by process',
		],
	],
	hardware: [
		[
			'*',
			'hardware',
			'severe',
			'the hardware reports an error',
			'corrected errors that rise announce a failure: ras-mc-ctl, mcelog; replace the part',
		],
	],
	'receive-latency': [
		[
			'DRIVER',
			'overload',
			'notice',
			'a packet waited long before the protocols took it: softirqs were late',
			'interrupts tab: softirq lateness; net.core.netdev_budget',
		],
		[
			'PROTOCOL',
			'overload',
			'notice',
			'a packet took long through the protocols',
			'firewall rules, or the socket was locked by its process',
		],
		[
			'*',
			'overload',
			'notice',
			'a packet waited long in its socket: the process did not read',
			'the process waits for a CPU, a lock or a disk: see its lens',
		],
	],
	blocked: [
		[
			'*',
			'unknown',
			'high',
			'the task sleeps uninterruptibly: it waits for a disk, a file system, a server or a lock',
			'the wait chains (view v) name what it waits for and who has that',
		],
	],
	lockup: [
		[
			'*',
			'local',
			'severe',
			'a CPU has run kernel code for seconds without a pause',
			'the stack is in the kernel log; a driver, or a host that does not run this CPU',
		],
	],
	'rcu-stall': [
		[
			'*',
			'local',
			'severe',
			'a CPU or task has held up the kernel for seconds',
			'as a lockup: the stack is in the kernel log',
		],
	],
	link: [
		['UP', 'local', 'notice', 'the link of a network device came up', 'when unasked: cable, switch port, peer'],
		[
			'FLAP',
			'local',
			'high',
			'the link of a network device went down and came back',
			'cable, switch port, power saving',
		],
		['*', 'local', 'high', 'the link of a network device went down', 'cable, switch port, peer; ip link; ethtool'],
	],
	bond: [
		[
			'*',
			'local',
			'high',
			'a link of a bonding device changed its state (LACP)',
			'/proc/net/bonding; the switch must agree on the aggregation',
		],
	],
	'nic-drop': [
		[
			'HARDWARE',
			'overload',
			'high',
			'the network card dropped received packets: no descriptor was free',
			'ethtool -G (larger rings), interrupts over more CPUs',
		],
		['DRIVER', 'overload', 'high', 'the driver dropped packets', 'ethtool -S; kernel log'],
		[
			'BACKLOG',
			'overload',
			'high',
			'the queue of received packets of a CPU is full',
			'net.core.netdev_max_backlog; RPS',
		],
		[
			'SQUEEZED',
			'overload',
			'normal',
			'softirqs ended before all packets were taken',
			'net.core.netdev_budget, netdev_budget_usecs',
		],
		['*', 'overload', 'notice', 'packets were dropped above the driver', 'drops of this tab have the reasons'],
	],
	conntrack: [
		[
			'*',
			'overload',
			'severe',
			'the table of connections of the firewall is full: new ones are dropped',
			'net.netfilter.nf_conntrack_max',
		],
	],
	'syn-flood': [
		[
			'*',
			'overload',
			'high',
			'more new connections than the listening socket can queue',
			'somaxconn, the backlog of the service; an attack?',
		],
	],
	'throttled-rt': [
		[
			'*',
			'overload',
			'high',
			'real-time tasks used up their share of a CPU and were stopped',
			'kernel.sched_rt_runtime_us; the real-time task loops',
		],
	],
	'allocation-failure': [
		['*', 'overload', 'high', 'the kernel could not get memory at once', 'vm.min_free_kbytes; memory pressure'],
	],
	kernel: [['*', 'unknown', 'notice', 'a message of the kernel', 'its text']],
};

/** By kind, its reasons and the row of all others. */
const index = new Map<EventKind, { named: Map<string, Reason>; other: Reason }>(
	Object.entries(TABLE).map(([kind, lines]) => {
		const named = new Map<string, Reason>();
		let other: Reason | undefined;
		for (const [reasons, cause, severity, meaning, advice] of lines) {
			// the texts are this table's own
			const reason = { cause, severity, meaning: meaning as SafeText, advice: advice as SafeText };
			if (reasons === '*') other = reason;
			else for (const name of reasons.split(' ')) if (!named.has(name)) named.set(name, reason);
		}
		return [kind as EventKind, { named, other: other as Reason }];
	}),
);

/** By the table alone, without the user's changes. */
export function reasonOf(kind: EventKind, reason: string): Reason {
	const { named, other } = index.get(kind) as { named: Map<string, Reason>; other: Reason };
	return named.get(reason) ?? other;
}

/** Changes of rows: by `KIND:REASON`, `REASON` or `KIND:*`, the first of these that there is counts. */
export type ReasonChanges = Readonly<Record<string, Partial<Reason>>>;

/** The table with the user's changes. */
export class Reasons {
	private readonly changes: ReasonChanges;
	private readonly known = new Map<string, Reason>();

	constructor(changes: ReasonChanges = {}) {
		this.changes = changes;
	}

	of(kind: EventKind, reason: string): Reason {
		const id = `${kind}:${reason}`;
		let found = this.known.get(id);
		if (!found) {
			found = { ...reasonOf(kind, reason), ...this.change(kind, reason) };
			// a reason is a name of the kernel's: there are hundreds
			if (this.known.size < MOST_KNOWN) this.known.set(id, found);
		}
		return found;
	}

	/** @param own severity that the message itself has; the user's goes first */
	severityOf(kind: EventKind, reason: string, own: EventSeverity | undefined): EventSeverity {
		return this.change(kind, reason)?.severity ?? own ?? this.of(kind, reason).severity;
	}

	private change(kind: EventKind, reason: string): Partial<Reason> | undefined {
		return this.changes[`${kind}:${reason}`] ?? this.changes[reason] ?? this.changes[`${kind}:*`];
	}
}

const MOST_KNOWN = 4096;

/** The whole table, for documents and tests. */
export function reasonTable(): { kind: EventKind; reasons: string; reason: Reason }[] {
	return Object.entries(TABLE).flatMap(([kind, lines]) =>
		lines.map(([reasons, cause, severity, meaning, advice]) => ({
			kind: kind as EventKind,
			reasons,
			reason: { cause, severity, meaning: meaning as SafeText, advice: advice as SafeText },
		})),
	);
}

/** Names in `hide` and `show`: `REASON`, or `kind:REASON`, or `kind:*`. */
export class HiddenReasons {
	private readonly hide: ReadonlySet<string>;
	private readonly show: ReadonlySet<string>;
	private readonly all: boolean;
	private readonly reasons: Reasons;

	/** @param all show everything, normal events too */
	constructor(hide: readonly string[], show: readonly string[], all: boolean, reasons = new Reasons()) {
		this.reasons = reasons;
		this.hide = new Set(hide);
		this.show = new Set(show);
		this.all = all;
	}

	has(kind: EventKind, reason: string): boolean {
		const names = [`${kind}:${reason}`, reason, `${kind}:*`];
		for (const name of names) {
			if (this.show.has(name)) return false;
			if (this.hide.has(name)) return true;
		}
		return !this.all && this.reasons.of(kind, reason).severity === 'normal';
	}
}

export const NOT_KNOWN = safe`not known`;
