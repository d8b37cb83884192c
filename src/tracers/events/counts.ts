/**
 * The kernel's exact counts of events: by kind and reason, and by group (process, socket or device). Each CPU has its own;
 * here they are added up as differences since the last read.
 */
import type { BpfSession } from '../../bpf/bpf-session.ts';
import { event_group, event_key, event_reason, event_slots, events_cpu, maps } from '../../generated/events.ts';
import { u64, viewOf } from '../../lib/decode.ts';
import type { Count, Ns } from '../../lib/units.ts';

const { EVENT_SLOTS, EVENT_GROUPS } = event_slots;

/** Both tables are at the end of the struct (bpf/events/report.bpf.h). */
const GROUPS_AT = events_cpu.size - EVENT_GROUPS * event_group.size;
const REASONS_AT = GROUPS_AT - EVENT_SLOTS * event_reason.size;
/** Before them: events whose group had no room, of all kinds. */
const UNGROUPED_AT = REASONS_AT - event_group.size;
/** The count is the first member of a reason, and follows the key in a group. */
const GROUP_COUNT_AT = event_key.size;

/** What has been added to one entry since the last read. */
export interface Delta {
	count: Count;
	sum: number;
	recorded: Count;
	suppressed: Count;
	last_ns: Ns;
}

export interface GroupDelta extends Delta {
	key: event_key;
	first_ns: Ns;
	name: Uint8Array;
}

type Figures = Pick<Delta, 'count' | 'sum' | 'recorded' | 'suppressed'>;

const NOTHING: Figures = { count: 0, sum: 0, recorded: 0, suppressed: 0 };

function difference(now: Figures & { last_ns: Ns }, before: Figures): Delta {
	return {
		count: now.count - before.count,
		sum: now.sum - before.sum,
		recorded: now.recorded - before.recorded,
		suppressed: now.suppressed - before.suppressed,
		last_ns: now.last_ns,
	};
}

/** What one CPU had at the last read. */
class CpuState {
	events = 0;
	ungrouped = 0;
	readonly reasons = new Map<number, Figures>();
	readonly groups = new Map<number, Figures & { id: string }>();
}

/** Differences of all CPUs in one interval. */
export interface Counted {
	/** By slot. */
	reasons: Map<number, Delta>;
	groups: GroupDelta[];
	/** Events that are in `reasons` only. */
	ungrouped: Count;
	ringFull: Count;
	pairsFull: Count;
}

export class EventCounts {
	private readonly bpf: BpfSession;
	private readonly cpus: CpuState[];
	private readonly stride = (events_cpu.size + 7) & ~7;
	private readonly buffer: Uint8Array;
	private readonly head = new Uint8Array(REASONS_AT);

	constructor(bpf: BpfSession) {
		this.bpf = bpf;
		this.cpus = Array.from({ length: bpf.possibleCpus }, () => new CpuState());
		this.buffer = new Uint8Array(this.stride);
	}

	/** Byte arrays in it are valid until the next call. */
	read(): Counted {
		const counted: Counted = { reasons: new Map(), groups: [], ungrouped: 0, ringFull: 0, pairsFull: 0 };
		const head = viewOf(this.head);
		for (const [cpu, state] of this.cpus.entries()) {
			this.bpf.object.readMapped(maps.events_cpus.name, this.head, cpu * this.stride);
			// the order of the struct: events, ring_full, pairs_full
			counted.ringFull += u64(head, 8);
			counted.pairsFull += u64(head, 16);
			const events = u64(head, 0);
			if (events === state.events) continue;
			state.events = events;
			// a copy: names in it must not change while they are read
			const bytes = new Uint8Array(this.buffer.length);
			this.bpf.object.readMapped(maps.events_cpus.name, bytes, cpu * this.stride);
			const view = viewOf(bytes);
			const ungrouped = u64(view, UNGROUPED_AT + GROUP_COUNT_AT);
			counted.ungrouped += ungrouped - state.ungrouped;
			state.ungrouped = ungrouped;
			this.readCpu(view, state, counted);
		}
		return counted;
	}

	private readCpu(view: DataView, state: CpuState, { reasons, groups }: Counted): void {
		for (let slot = 0; slot < EVENT_SLOTS; slot++) {
			const at = REASONS_AT + slot * event_reason.size;
			const count = u64(view, at);
			const before = state.reasons.get(slot) ?? NOTHING;
			if (count === before.count) continue;
			const now = event_reason.read(view, at);
			const delta = difference(now, before);
			state.reasons.set(slot, now);
			const sum = reasons.get(slot);
			if (!sum) {
				reasons.set(slot, delta);
				continue;
			}
			sum.count += delta.count;
			sum.sum += delta.sum;
			sum.recorded += delta.recorded;
			sum.suppressed += delta.suppressed;
			sum.last_ns = Math.max(sum.last_ns, delta.last_ns);
		}
		for (let index = 0; index < EVENT_GROUPS; index++) {
			const at = GROUPS_AT + index * event_group.size;
			const count = u64(view, at + GROUP_COUNT_AT);
			if (count === 0) continue;
			const before = state.groups.get(index);
			const id = Buffer.from(view.buffer, view.byteOffset + at, event_key.size).toString('latin1');
			if (before && before.id === id && before.count === count) continue;
			const now = event_group.read(view, at);
			// another group has taken the entry of an idle one: what that had was read long before
			const delta = difference(now, before?.id === id ? before : NOTHING);
			state.groups.set(index, { ...now, id });
			groups.push({ ...delta, key: now.key, first_ns: now.first_ns, name: now.name });
		}
	}
}
