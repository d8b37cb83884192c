/** Reads whole BPF hash maps, one buffer for all reads. For maps that exist only while something is measured on request. */
import { type Struct, viewOf } from '../lib/decode.ts';
import type { BpfSession } from './bpf-session.ts';

/** One map, decoded by the generated structs of its key and value. */
export class HashReader<Key, Value> {
	private readonly bpf: BpfSession;
	private readonly map: { readonly name: string; readonly key: Struct<Key>; readonly value: Struct<Value> };
	private readonly keys: Uint8Array;
	private readonly values: Uint8Array;

	/** @param entries capacity of the map */
	constructor(
		bpf: BpfSession,
		map: { readonly name: string; readonly key: Struct<Key>; readonly value: Struct<Value> },
		entries: number,
	) {
		this.bpf = bpf;
		this.map = map;
		this.keys = new Uint8Array(entries * map.key.size);
		this.values = new Uint8Array(entries * map.value.size);
	}

	/** All entries. `id`: the key's bytes as a string, since a number rounds 64-bit addresses. Arrays in key and value are valid until the next call. */
	*entries(): Generator<{ id: string; key: Key; value: Value }> {
		const { key, value } = this.map;
		const count = this.bpf.object.readBatch(this.map.name, this.keys, this.values);
		const keys = viewOf(this.keys);
		const values = viewOf(this.values);
		for (let index = 0; index < count; index++)
			yield {
				id: Buffer.from(this.keys.buffer, index * key.size, key.size).toString('latin1'),
				key: key.read(keys, index * key.size),
				value: value.read(values, index * value.size),
			};
	}

	/** Delete an entry. Events between the last read and this call go with it. */
	remove(id: string): void {
		this.bpf.object.remove(this.map.name, Buffer.from(id, 'latin1'));
	}
}
