/** Records of the kernel's programs, copied from their ring; names are looked up at the read. */
import type { BpfSession } from '../../bpf/bpf-session.ts';
import { event, event_kind, event_slots, maps } from '../../generated/events.ts';
import { s64s } from '../../lib/decode.ts';
import type { Count, Ns } from '../../lib/units.ts';
import type { KernelSymbols } from '../../symbols/kernel-names.ts';
import { type Describer, describe } from './describe.ts';
import type { EventRecord } from './snapshot.ts';

/** Kinds whose first value is the socket, where there is one. */
const OF_SOCKETS: ReadonlySet<number> = new Set([
	event_kind.EVENT_DROP,
	event_kind.EVENT_RETRANSMIT,
	event_kind.EVENT_RESET_SENT,
	event_kind.EVENT_RESET_RECEIVED,
	event_kind.EVENT_OVERFLOW,
]);

const lacksOwner = ({ kind, pid, values }: event): boolean => pid === 0 && values[0] !== 0 && OF_SOCKETS.has(kind);

/** A stack is that of a group's records on its CPU for a second at most. */
const STACK_LASTS: Ns = 1e9;

/** Most records between two reads; the rest is left out, and counted. */
const MOST_PENDING = 2000;

export class RingRecords {
	private readonly bpf: BpfSession;
	private readonly symbols: KernelSymbols;
	/** Most frames of a stack. */
	private readonly frames: number;
	private readonly pending: { record: event; stack: readonly number[]; shared: boolean }[] = [];
	/** The newest stacks of groups, by CPU and group. */
	private readonly stacks = new Map<number, { ns: Ns; stack: readonly number[] }>();
	private leftOut: Count = 0;

	constructor(bpf: BpfSession, symbols: KernelSymbols, frames: number) {
		this.bpf = bpf;
		this.symbols = symbols;
		this.frames = frames;
	}

	/** Empty the ring. */
	drain(): void {
		this.bpf.drain(maps.events.name, (view, at) => {
			const record = event.read(view, at);
			const shared = record.frames === event_slots.FRAMES_OF_GROUP;
			const stack = this.stackOf(view, at, record);
			if (this.pending.length >= MOST_PENDING) {
				this.leftOut++;
				return;
			}
			for (const address of stack) this.symbols.want(address);
			this.symbols.want(record.location);
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
				shared: shared && stack.length > 0,
			});
		});
		let newest: Ns = 0;
		for (const { ns } of this.stacks.values()) newest = Math.max(newest, ns);
		for (const [group, { ns }] of this.stacks) if (newest - ns > 2 * STACK_LASTS) this.stacks.delete(group);
	}

	/** Addresses of a record's stack, innermost first: its own, or that of an earlier record of its group. */
	private stackOf(view: DataView, at: number, { frames, cpu, group, ns, kind }: event): readonly number[] {
		const key = cpu * (event_slots.EVENT_GROUPS + 1) + group;
		if (frames === event_slots.FRAMES_OF_GROUP) return this.stacks.get(key)?.stack ?? [];
		// signed: a double holds kernel addresses exactly then
		const stack = [...s64s(view, at + event.at.stack, Math.min(frames, this.frames))];
		if (kind === event_kind.EVENT_DROP) this.stacks.set(key, { ns, stack });
		return stack;
	}

	/** What has come since the last call; `leftOut`: records beyond the limit; `unowned`: some have a socket whose process is not known. */
	take(describer: Describer): { records: EventRecord[]; leftOut: Count; unowned: boolean } {
		this.symbols.resolve();
		const unowned = this.pending.some(({ record }) => lacksOwner(record));
		const records = this.pending.splice(0).map(({ record, stack, shared }) => ({
			...describe(record, stack, describer),
			...(shared && { stack_shared: true as const }),
		}));
		const { leftOut } = this;
		this.leftOut = 0;
		return { records, leftOut, unowned };
	}
}
