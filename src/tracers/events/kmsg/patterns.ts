/**
 * Messages of the kernel's log that become events. Each pattern begins at the start of the text, so that a name inside a message
 * cannot pass for one. `hook`: where that tracepoint is in use the message only adds details to its event.
 */
import { type SafeText, safe, sanitize } from '../../../lib/sanitize.ts';
import type { EventKind, EventSeverity } from '../snapshot.ts';

export interface Recognised {
	kind: EventKind;
	reason: SafeText;
	severity?: EventSeverity;
	/** A process. */
	pid?: number;
	comm?: SafeText;
	/** What else it is about: a disk, a network device, a CPU. */
	object?: SafeText;
	figures?: Record<string, number>;
	/** Of an OOM kill: the control groups by the kernel's own paths. */
	groups?: { constraint: SafeText; limit: SafeText; task: SafeText };
	/** Tracepoint that reports the same event. */
	hook?: string;
}

type Groups = Record<string, string | undefined>;

interface Pattern {
	expression: RegExp;
	take(found: Groups): Recognised;
}

const text = (value: string | undefined): SafeText => sanitize(value ?? '');

/**
 * Messages about a process begin with its name and number (`NAME[812] bad frame in rt_sigreturn`), and any user may name one
 * `BUG: `.
 */
const NOT_A_NAME = '(?!.{0,15}\\[\\d+\\])';

const patterns: readonly Pattern[] = [
	{
		expression:
			/^watchdog: BUG: soft lockup - CPU#(?<cpu>\d+) stuck for (?<seconds>\d+)s! \[(?<comm>.{1,64}):(?<pid>\d+)\]/,
		take: ({ cpu, seconds, comm, pid }) => ({
			kind: 'lockup',
			reason: safe`SOFT`,
			object: safe`cpu${Number(cpu)}`,
			comm: text(comm),
			pid: Number(pid),
			figures: { cpu: Number(cpu), stuck_ns: Number(seconds) * 1e9 },
		}),
	},
	{
		expression: /^(?:NMI )?(?:watchdog: )?Watchdog detected hard LOCKUP on cpu (?<cpu>\d+)/i,
		take: ({ cpu }) => ({
			kind: 'lockup',
			reason: safe`HARD`,
			object: safe`cpu${Number(cpu)}`,
			figures: { cpu: Number(cpu) },
		}),
	},
	{
		expression: /^(?:rcu: )?INFO: (?<flavour>rcu\w*) (?:self-detected stall|detected (?:expedited )?stalls)/,
		take: ({ flavour }) => ({ kind: 'rcu-stall', reason: text(flavour) }),
	},
	{
		expression: /^INFO: task (?<comm>.{1,64}):(?<pid>\d+) blocked for more than (?<seconds>\d+) seconds/,
		take: ({ comm, pid, seconds }) => ({
			kind: 'hung-task',
			reason: safe`TIMEOUT`,
			comm: text(comm),
			pid: Number(pid),
			figures: { blocked_ns: Number(seconds) * 1e9 },
			hook: 'sched_process_hang',
		}),
	},
	{
		expression:
			/^oom-kill:constraint=(?<constraint>\w+),nodemask=[^,]*(?:,cpuset=[^,]*)?,mems_allowed=[\d,-]*(?:,oom_memcg=(?<limit>[^,]*))?(?:,global_oom)?,task_memcg=(?<group>[^,]*),task=(?<comm>.{0,64}),pid=(?<pid>\d+),uid=(?<uid>\d+)$/,
		take: ({ constraint, limit, group, comm, pid, uid }) => ({
			kind: 'oom',
			reason: safe`VICTIM`,
			comm: text(comm),
			pid: Number(pid),
			figures: { uid: Number(uid) },
			groups: { constraint: text(constraint), limit: text(limit), task: text(group) },
			hook: 'mark_victim',
		}),
	},
	{
		expression:
			/^(?:blk_update_request: )?(?:critical )?(?<what>I\/O|target|medium|nexus|space allocation|timeout|protection|critical target|critical medium) error, dev (?<device>[^\s,]{1,64}), sector (?<sector>\d+)/,
		take: ({ what, device, sector }) => ({
			kind: 'block-error',
			reason: text(what === 'I/O' ? 'IOERR' : what?.toUpperCase().replaceAll(' ', '_')),
			object: text(device),
			figures: { sector: Number(sector) },
			hook: 'block_rq_error',
		}),
	},
	{
		expression: /^Buffer I\/O error on dev (?<device>[^\s,]{1,64}), logical block (?<block>\d+)/,
		take: ({ device, block }) => ({
			kind: 'block-error',
			reason: safe`BUFFER`,
			object: text(device),
			figures: { block: Number(block) },
		}),
	},
	{
		expression:
			/^nvme (?<device>nvme\d{1,4}): (?:I\/O .{0,64}timeout|controller is down|Device not ready|resetting controller|reset controller)/i,
		take: ({ device }) => ({ kind: 'block-error', reason: safe`CONTROLLER_RESET`, object: text(device) }),
	},
	{
		expression: /^md\/raid[^:]{0,16}:(?<array>[^:]{1,32}): Disk failure on (?<device>[^\s,]{1,64})/,
		take: ({ array, device }) => ({
			kind: 'block-error',
			reason: safe`RAID_DISK_FAILURE`,
			object: safe`${text(device)} of ${text(array)}`,
		}),
	},
	{
		expression: /^EXT4-fs error \(device (?<device>[^)]{1,64})\)/,
		take: ({ device }) => ({ kind: 'fs-error', reason: safe`EXT4_ERROR`, object: text(device), hook: 'ext4_error' }),
	},
	{
		expression: /^EXT4-fs \((?<device>[^)]{1,64})\): (?:Remounting filesystem read-only|This should not happen)/,
		take: ({ device }) => ({ kind: 'fs-error', reason: safe`READ_ONLY`, object: text(device) }),
	},
	{
		expression:
			/^XFS \((?<device>[^)]{1,64})\): .{0,128}(?:Corruption|metadata I\/O error|Filesystem has been shut down|Shutting down filesystem|Log I\/O Error)/i,
		take: ({ device }) => ({ kind: 'fs-error', reason: safe`XFS_ERROR`, object: text(device) }),
	},
	{
		expression: /^BTRFS (?:error|critical|warning) \(device (?<device>[^)]{1,64})/,
		take: ({ device }) => ({ kind: 'fs-error', reason: safe`BTRFS_ERROR`, object: text(device) }),
	},
	{
		expression:
			/^NETDEV WATCHDOG: (?:CPU: \d+: )?(?<device>\S{1,32}) \((?<driver>[^)]{0,32})\): transmit queue (?<queue>\d+) timed out/,
		take: ({ device, queue }) => ({
			kind: 'tx-timeout',
			reason: safe`QUEUE`,
			object: text(device),
			figures: { queue: Number(queue) },
			hook: 'net_dev_xmit_timeout',
		}),
	},
	{
		expression:
			/^\S{1,32} \S{1,32} (?<device>\S{1,32}): (?:Reset adapter|Detected Tx Unit Hang|Fake Tx hang|TX timeout)/i,
		take: ({ device }) => ({ kind: 'tx-timeout', reason: safe`RESET`, object: text(device) }),
	},
	{
		expression:
			/^(?:\S{1,32} \S{1,32} )?(?<device>[\w.@-]{1,32}): (?:NIC )?link (?:is )?(?:becomes ready|(?<state>up|down))/i,
		take: ({ device, state }) => ({
			kind: 'link',
			reason: state?.toLowerCase() === 'down' ? safe`DOWN` : safe`UP`,
			object: text(device),
		}),
	},
	{
		expression: /^(?<bond>bond\S{0,16}): \((?:slave|port) (?<device>[^)]{1,32})\): (?<what>.{1,96})$/,
		take: ({ bond, device }) => ({
			kind: 'bond',
			reason: safe`CHANGE`,
			object: safe`${text(device)} of ${text(bond)}`,
		}),
	},
	{
		expression: /^nf_conntrack: (?:nf_conntrack: )?table full, dropping packet/,
		take: () => ({ kind: 'conntrack', reason: safe`TABLE_FULL` }),
	},
	{
		expression: /^(?:\w{1,24}: )?(?:request_sock_TCP(?:v6)?: )?Possible SYN flooding on port (?<port>\S{1,64}?)\. /i,
		take: ({ port }) => ({ kind: 'syn-flood', reason: safe`PORT`, object: safe`port ${text(port)}` }),
	},
	{
		expression: /^neighbour: (?<table>\w{1,16}): neighbor table overflow/i,
		take: ({ table }) => ({
			kind: 'kernel',
			reason: safe`NEIGHBOUR_TABLE_FULL`,
			severity: 'high',
			object: text(table),
		}),
	},
	{
		expression: /^TCP: out of memory/,
		take: () => ({ kind: 'overflow', reason: safe`BUFFER_LIMIT` }),
	},
	{
		expression: /^(?:mce: )?CPU(?<cpu>\d+): (?:Core|Package) temperature(?:\/speed)? above threshold/i,
		take: ({ cpu }) => ({
			kind: 'thermal',
			reason: safe`THROTTLED`,
			object: safe`cpu${Number(cpu)}`,
			figures: { cpu: Number(cpu) },
		}),
	},
	{
		expression: /^(?:mce: )?\[Hardware Error\]: (?:CPU (?<cpu>\d+): )?Machine Check/i,
		take: ({ cpu }) => ({
			kind: 'hardware',
			reason: safe`MACHINE_CHECK`,
			...(cpu !== undefined && { object: safe`cpu${Number(cpu)}` }),
			hook: 'mce_record',
		}),
	},
	{
		expression: /^EDAC (?<controller>[^:\s]{1,32}): .{0,128}\b(?<type>CE|UE)\b/,
		take: ({ controller, type }) => ({
			kind: 'hardware',
			reason: type === 'UE' ? safe`MEMORY_UNCORRECTED` : safe`MEMORY_CORRECTED`,
			object: text(controller),
			hook: 'mc_event',
		}),
	},
	{
		expression: /^(?:pcieport|\S{1,32}) (?<device>[0-9a-f]{4}:[0-9a-f.:]{7}): (?:AER: |PCIe Bus Error)/i,
		take: ({ device }) => ({ kind: 'hardware', reason: safe`PCIE`, object: text(device), hook: 'aer_event' }),
	},
	{
		expression: /^(?:\{\d+\})?\[Hardware Error\]: Hardware error from APEI/,
		take: () => ({ kind: 'hardware', reason: safe`FIRMWARE` }),
	},
	{
		expression: /^Memory failure: (?<page>0x[0-9a-f]{1,16}): /,
		take: () => ({ kind: 'hardware', reason: safe`MEMORY_FAILURE` }),
	},
	{
		expression: /^sched: (?:RT|DL|RT\/DL)?\s?(?:replenish(?:ment)?|throttling) (?:activated|lagged)/i,
		take: () => ({ kind: 'throttled-rt', reason: safe`ACTIVATED` }),
	},
	{
		expression: /^(?<comm>.{1,64}): page allocation failure: order:(?<order>\d+)/,
		take: ({ comm, order }) => ({
			kind: 'allocation-failure',
			reason: safe`ORDER_${Number(order)}`,
			comm: text(comm),
			figures: { order: Number(order) },
		}),
	},
	{
		expression: /^workqueue: (?<work>\S{1,64}) hogged CPU for >(?<us>\d+)us (?<times>\d+) times/,
		take: ({ work, us, times }) => ({
			kind: 'kernel',
			reason: safe`WORKQUEUE_HOG`,
			object: text(work),
			figures: { hogged_ns: Number(us) * 1000, times: Number(times) },
		}),
	},
	{
		expression: /^(?<comm>.{1,64})\[(?<pid>\d+)\]: segfault at /,
		take: ({ comm, pid }) => ({ kind: 'kernel', reason: safe`SEGFAULT`, comm: text(comm), pid: Number(pid) }),
	},
	{
		expression: /^traps: (?<comm>.{1,64})\[(?<pid>\d+)\] (?<what>general protection|trap|invalid opcode)/,
		take: ({ comm, pid }) => ({ kind: 'kernel', reason: safe`TRAP`, comm: text(comm), pid: Number(pid) }),
	},
	{
		expression: new RegExp(
			`^${NOT_A_NAME}(?:BUG: |kernel BUG at |Oops: |general protection fault|Unable to handle kernel|Internal error: )`,
		),
		take: () => ({ kind: 'kernel', reason: safe`BUG`, severity: 'severe' }),
	},
	{
		expression: new RegExp(`^${NOT_A_NAME}WARNING: (?:CPU: (?<cpu>\\d+) )?`),
		take: ({ cpu }) => ({
			kind: 'kernel',
			reason: safe`WARNING`,
			...(cpu !== undefined && { object: safe`cpu${Number(cpu)}` }),
		}),
	},
	{
		expression: /^(?:INFO: )?NMI handler \(.{1,64}\) took too long/,
		take: () => ({ kind: 'kernel', reason: safe`SLOW_NMI` }),
	},
	{
		expression: /^clocksource: .{0,96}(?:marked|marking) .{0,32}unstable/i,
		take: () => ({ kind: 'kernel', reason: safe`CLOCK_UNSTABLE`, severity: 'high' }),
	},
];

/** undefined: nothing that is reported. */
export function recognise(message: string): Recognised | undefined {
	for (const { expression, take } of patterns) {
		const found = expression.exec(message);
		if (found) return take(found.groups ?? {});
	}
	return undefined;
}
