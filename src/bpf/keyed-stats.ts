/** The reader's side of bpf/io/keys.bpf.h: values by CPU and kind of request. */
import { type Struct, viewOf } from '../lib/decode.ts';
import type { Count } from '../lib/units.ts';
import type { BpfSession } from './bpf-session.ts';

/** Decoded from `IN_USE | dev << 16 | op << 8 | flags`. */
export interface Kind {
	dev: number;
	op: number;
	flags: number;
}

type Keys = { readonly name: string; readonly value: Struct<{ full: Count; keys: Float64Array }> };

/** Capacity of each CPU: 2 to this many kinds. Possible CPUs that never come online take memory too. */
export function keyBits(possibleCpus: number): number {
	if (possibleCpus <= 16) return 7;
	return possibleCpus <= 64 ? 6 : 5;
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
					key: { dev: Math.floor(key / 2 ** 16) % 2 ** 32, op: (key >> 8) & 0xff, flags: key & 0xff },
					value: value.read(view, 0),
				};
			}
		}
	}
}
