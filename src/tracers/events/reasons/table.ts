/** The table of reasons, by kind of event. */
import type { EventKind } from '../snapshot.ts';
import { DROPS } from './drops.ts';
import type { Line } from './line.ts';

export const TABLE: Readonly<Record<EventKind, readonly Line[]>> = {
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
			'TLP',
			'peer',
			'notice',
			'the last segments were not acknowledged in time (tail loss probe): lost, or the other end is slow',
			'drops of the connection on this machine; then the path and the other end, whose run queue may be full',
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
			'a few are normal on the internet; in one data centre check drops of both ends and switch ports',
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
			'start the service, or find the client of the closed port',
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
			'see which groups grew (memory pressure); vm.min_free_kbytes, vm.watermark_scale_factor',
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
			'a CPU did not tick; this hypervisor reports no steal time, so the cause is not known',
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
			'back up, unmount, fsck; search for block errors before it',
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
			'the wait chains (key v) name the awaited object and its owner',
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
