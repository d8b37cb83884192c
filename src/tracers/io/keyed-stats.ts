/** The reader's side of bpf/io/keys.bpf.h: values by CPU and kind of request. */

import type { BpfSession } from '../../bpf/bpf-session.ts';
import type { Host } from '../../core/tracer.ts';
import { io_key_layout } from '../../generated/io.ts';
import { type Struct, viewOf } from '../../lib/decode.ts';
import type { Count } from '../../lib/units.ts';

/** The parts of a key, see `io_key_layout`. */
export interface Kind {
	dev: number;
	op: number;
	flags: number;
}

type Keys = {
	readonly name: string;
	readonly value: Struct<{ full: Count; keys: Float64Array; slots: Uint32Array; used: Count }>;
};

/** Slots for each online CPU: devices × operations × flags that it meets, as a rule. */
const SLOTS_PER_CPU = 128;
/** The pool holds 24 busy disks with all their operations on few CPUs, and is no larger than 8192 on very many. */
const [LEAST_SLOTS, MOST_SLOTS] = [1024, 8192];

/**
 * Constants and sizes for an object with bpf/io/keys.bpf.h. Slots are handed out by need, so the pool is sized by the CPUs
 * that are online, however many are possible.
 * @param values name of the map of values
 */
export function keyedStatsSizes(
	{ cpus }: Pick<Host, 'cpus'>,
	values: string,
): { constants: { pool_slots: number }; maxEntries: Record<string, number> } {
	const slots = Math.min(MOST_SLOTS, Math.max(LEAST_SLOTS, SLOTS_PER_CPU * cpus));
	return { constants: { pool_slots: slots }, maxEntries: { [values]: slots, slots_taken: slots } };
}

export class KeyedStats<Value> {
	/** Requests without a free slot for their kind, as of the last read. */
	full: Count = 0;
	private readonly bpf: BpfSession;
	private readonly keys: Keys;
	private readonly values: { readonly name: string; readonly value: Struct<Value> };
	private readonly buffer: Uint8Array;

	constructor(bpf: BpfSession, keys: Keys, values: KeyedStats<Value>['values']) {
		this.bpf = bpf;
		this.keys = keys;
		this.values = values;
		this.buffer = new Uint8Array(values.value.size);
	}

	/** Counts of each CPU, without a system call. Arrays in a value are valid until the next one. */
	*entries(): Generator<{ id: string; key: Kind; value: Value }> {
		const { name, value } = this.values;
		const view = viewOf(this.buffer);
		this.full = 0;
		for (const [cpu, { full, keys, slots, used }] of this.bpf.shards(this.keys).entries()) {
			this.full += full;
			if (used === 0) continue;
			for (const [index, key] of keys.entries()) {
				if (key === 0) continue;
				this.bpf.object.readMapped(name, this.buffer, (slots[index] as number) * value.size);
				yield {
					id: `${key} ${cpu}`,
					key: {
						dev: Math.floor(key / 2 ** io_key_layout.KEY_DEV_SHIFT) % 2 ** 32,
						op: (key >> io_key_layout.KEY_OP_SHIFT) & 0xff,
						flags: key & 0xff,
					},
					value: value.read(view, 0),
				};
			}
		}
	}
}
