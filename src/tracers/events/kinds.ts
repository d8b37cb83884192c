/** Kinds that the kernel's programs count, and the names of their reasons. */
import type { BpfAddon } from '../../core/native.ts';
import {
	event_kind,
	event_slots,
	fs_reason,
	hardware_reason,
	oom_reason,
	overflow_reason,
	receive_latency_reason,
	reclaim_reason,
	retransmit_reason,
	tick_gap_reason,
} from '../../generated/events.ts';
import { type SafeText, safe, sanitize } from '../../lib/sanitize.ts';
import type { EventKind } from './snapshot.ts';

const { DROP_CORE, DROP_GROUP, DROP_SLOTS, DROP_PER_SUBSYSTEM, KIND_SLOTS, EVENT_SLOTS } = event_slots;

/** By number of `enum event_kind`. */
const KINDS: Readonly<Record<keyof typeof event_kind, EventKind | undefined>> = {
	EVENT_DROP: 'drop',
	EVENT_RETRANSMIT: 'retransmit',
	EVENT_RESET_SENT: 'reset-sent',
	EVENT_RESET_RECEIVED: 'reset-received',
	EVENT_OVERFLOW: 'overflow',
	EVENT_TX_TIMEOUT: 'tx-timeout',
	EVENT_OOM: 'oom',
	EVENT_RECLAIM: 'reclaim',
	EVENT_COMPACTION: 'compaction',
	EVENT_THROTTLED_WRITE: 'throttled-write',
	EVENT_HUNG_TASK: 'hung-task',
	EVENT_TICK_GAP: 'tick-gap',
	EVENT_BLOCK_ERROR: 'block-error',
	EVENT_FS_ERROR: 'fs-error',
	EVENT_THERMAL: 'thermal',
	EVENT_HARDWARE: 'hardware',
	EVENT_RECEIVE_LATENCY: 'receive-latency',
	EVENT_KINDS: undefined,
};

const byNumber = new Map<number, EventKind | undefined>(
	Object.entries(event_kind).map(([name, number]) => [number, KINDS[name as keyof typeof event_kind]]),
);

export function kindOf(number: number): EventKind {
	return byNumber.get(number) ?? 'kernel';
}

/** `OOM_NOT_REAPED` → `NOT_REAPED` */
function ours(names: Readonly<Record<string, number>>, prefix: string): Map<number, SafeText> {
	return new Map(Object.entries(names).map(([name, value]) => [value, sanitize(name.replace(prefix, ''))]));
}

/** Status of a failed request, which the kernel has no enum for; the same since 4.13. */
const BLOCK_STATUS: readonly (readonly [number, SafeText])[] = [
	[1, safe`NOTSUPP`],
	[2, safe`TIMEOUT`],
	[3, safe`NOSPC`],
	[4, safe`TRANSPORT`],
	[5, safe`TARGET`],
	[6, safe`RESV_CONFLICT`],
	[7, safe`MEDIUM`],
	[8, safe`PROTECTION`],
	[9, safe`RESOURCE`],
	[10, safe`IOERR`],
	[12, safe`AGAIN`],
	[13, safe`DEV_RESOURCE`],
	[14, safe`ZONE_OPEN_RESOURCE`],
	[15, safe`ZONE_ACTIVE_RESOURCE`],
	[16, safe`OFFLINE`],
	[17, safe`DURATION_LIMIT`],
	[19, safe`INVAL`],
];

/** Lists of reasons of drops outside the core, by subsystem as in `enum skb_drop_reason_subsys`. */
const SUBSYSTEM_LISTS: Readonly<Record<string, string>> = {
	SKB_DROP_REASON_SUBSYS_MAC80211_UNUSABLE: 'mac80211_drop_reason',
	SKB_DROP_REASON_SUBSYS_MAC80211_MONITOR: 'mac80211_drop_reason',
	SKB_DROP_REASON_SUBSYS_OPENVSWITCH: 'ovs_drop_reason',
	SKB_DROP_REASON_SUBSYS_QDISC: 'qdisc_drop_reason',
};

/** Names of reasons, from the kernel's own types: their numbers differ between kernels. */
export class ReasonNames {
	private readonly names = new Map<EventKind, Map<number, SafeText>>();
	private readonly subsystems = new Map<number, SafeText>();
	/** Number of the drop reason IP_INNOROUTES; 0: there is none. */
	readonly noRoute: number;
	/** Does this kernel give reasons for drops (since 5.17)? */
	readonly givesDropReasons: boolean;

	constructor(addon: Pick<BpfAddon, 'enumValues'>) {
		const named = (list: string, prefix: RegExp) =>
			new Map(addon.enumValues(list).map(({ name, value }) => [value, sanitize(name.replace(prefix, ''))]));
		const drops = named('skb_drop_reason', /^SKB_(DROP_REASON_)?/);
		this.givesDropReasons = drops.size > 0;
		this.noRoute = [...drops].find(([, name]) => name === 'IP_INNOROUTES')?.[0] ?? 0;
		if (!this.givesDropReasons) drops.set(2, safe`NOT_SPECIFIED`);
		for (const { name, value } of addon.enumValues('skb_drop_reason_subsys')) {
			const list = SUBSYSTEM_LISTS[name];
			if (value === 0) continue;
			this.subsystems.set(value, sanitize(name.replace('SKB_DROP_REASON_SUBSYS_', '')));
			if (list === undefined) continue;
			for (const [number, text] of named(list, /^(RX_DROP_U?_?|OVS_DROP_|QDISC_DROP_)/))
				drops.set((value << 16) | (number & 0xffff), text);
		}
		drops.set(DROP_GROUP, safe`IP_INNOROUTES_MULTICAST`);
		this.names.set('drop', drops);
		const retransmits = named('tcp_ca_state', /^TCP_CA_/);
		for (const [value, text] of ours(retransmit_reason, 'RETRANSMIT_'))
			retransmits.set(value, text === 'FAILED' ? safe`failed` : text);
		this.names.set('retransmit', retransmits);
		this.names.set('reset-sent', named('sk_rst_reason', /^SK_RST_REASON_/));
		this.names.set('reset-received', new Map([[0, safe`RST`]]));
		this.names.set('overflow', ours(overflow_reason, 'OVERFLOW_'));
		this.names.set('oom', ours(oom_reason, 'OOM_'));
		this.names.set('reclaim', ours(reclaim_reason, 'RECLAIM_'));
		this.names.set('compaction', new Map([[0, safe`DIRECT`]]));
		this.names.set('throttled-write', new Map([[0, safe`DIRTY`]]));
		this.names.set('hung-task', new Map([[0, safe`TIMEOUT`]]));
		this.names.set('tx-timeout', new Map([[0, safe`QUEUE`]]));
		this.names.set('tick-gap', ours(tick_gap_reason, 'TICK_GAP_'));
		this.names.set('block-error', new Map(BLOCK_STATUS));
		this.names.set('fs-error', ours(fs_reason, 'FS_'));
		this.names.set('thermal', named('thermal_trip_type', /^THERMAL_TRIP_/));
		this.names.set('receive-latency', ours(receive_latency_reason, 'RECEIVE_'));
		this.names.set('hardware', ours(hardware_reason, 'HARDWARE_'));
	}

	of(kind: EventKind, reason: number): SafeText {
		const name = this.names.get(kind)?.get(reason);
		if (name !== undefined) return name;
		if (kind === 'drop' && reason >= 0x10000) {
			const subsystem = this.subsystems.get(reason >>> 16) ?? safe`SUBSYSTEM_${reason >>> 16}`;
			return safe`${subsystem}_${reason & 0xffff}`;
		}
		return safe`REASON_${reason}`;
	}
}

/** Kind and reason of a slot of the kernel's table: the reverse of slot_of() in bpf/events/report.bpf.h. */
export function ofSlot(slot: number): { kind: EventKind; reason: number } {
	if (slot < DROP_CORE) return { kind: 'drop', reason: slot };
	if (slot < DROP_SLOTS) {
		const beyond = slot - DROP_CORE;
		const subsystem = Math.floor(beyond / DROP_PER_SUBSYSTEM) + 1;
		return { kind: 'drop', reason: (subsystem << 16) | (beyond % DROP_PER_SUBSYSTEM) };
	}
	const other = slot - DROP_SLOTS;
	return { kind: kindOf(Math.floor(other / KIND_SLOTS) + 1), reason: other % KIND_SLOTS };
}

export const SLOTS = EVENT_SLOTS;
