/** The reader's side of bpf/io/keys.bpf.h: values by CPU and kind of request. */
import { io_key_layout } from '../generated/io.ts';
import { type Struct, viewOf } from '../lib/decode.ts';
import type { Count } from '../lib/units.ts';
import type { BpfSession } from './bpf-session.ts';

/** The parts of a key, see `io_key_layout`. */
export interface Kind {
	dev: number;
	op: number;
	flags: number;
}

type Keys = { readonly name: string; readonly value: Struct<{ full: Count; keys: Float64Array }> };

/** Capacity of each CPU: 2 to this many kinds. Possible CPUs that never come online take memory too. */
export function keyBits(possibleCpus: number): number {
	const most = io_key_layout.KEY_BITS;
	if (possibleCpus <= 16) return most;
	return possibleCpus <= 64 ? most - 1 : most - 2;
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
		const bits = keyBits(this.bpf.possibleCpus);
		this.full = 0;
		for (const [cpu, { full, keys }] of this.bpf.shards(this.keys).entries()) {
			this.full += full;
			for (const [place, key] of keys.entries()) {
				if (key === 0) continue;
				this.bpf.object.readMapped(name, this.buffer, ((cpu << bits) + place) * value.size);
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
