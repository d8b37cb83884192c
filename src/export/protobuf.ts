/** Writes protobuf messages: the few kinds of fields that a trace needs. */

type Field = Uint8Array;

function varint(value: number | bigint): number[] {
	let rest = BigInt(value);
	const bytes: number[] = [];
	while (rest > 127n) {
		bytes.push(Number(rest & 127n) | 128);
		rest >>= 7n;
	}
	bytes.push(Number(rest));
	return bytes;
}

/** A non-negative integer. */
export function uint(field: number, value: number | bigint): Field {
	return Uint8Array.from([...varint(field << 3), ...varint(value)]);
}

export function double(field: number, value: number): Field {
	const bytes = new Uint8Array(8);
	new DataView(bytes.buffer).setFloat64(0, value, true);
	return join(Uint8Array.from(varint((field << 3) | 1)), bytes);
}

export function text(field: number, value: string): Field {
	return bytesOf(field, new TextEncoder().encode(value));
}

/** A message inside another. */
export function message(field: number, ...fields: readonly Field[]): Field {
	return bytesOf(field, join(...fields));
}

export function join(...parts: readonly Uint8Array[]): Uint8Array {
	const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
	let at = 0;
	for (const part of parts) {
		all.set(part, at);
		at += part.length;
	}
	return all;
}

function bytesOf(field: number, value: Uint8Array): Field {
	return join(Uint8Array.from([...varint((field << 3) | 2), ...varint(value.length)]), value);
}
