/** Primitives of the decoders that are generated from BTF. Kernel data is in the machine's byte order, little-endian here. */

/** Raw bytes of a C string or array from outside this program; only `sanitize` turns them into text. */
export type ForeignBytes = Uint8Array;

/** A C struct as the object's BTF describes it. */
export interface Struct<T> {
	/** sizeof, bytes. */
	readonly size: number;
	/** Offsets of its members, bytes. */
	readonly at: { readonly [Name in keyof T]: number };
	/** Decode one struct at byte offset `at`. Arrays share the buffer's memory: copy what must outlive it. */
	read(view: DataView, at: number): T;
}

/** The same memory, for the decoders. */
export function viewOf(bytes: Uint8Array): DataView {
	return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A key or value of a map: a number of 32 bits, padded to the size. */
export function wordOf(value: number, size: 4 | 8 = 4): Uint8Array {
	const bytes = new Uint8Array(size);
	viewOf(bytes).setUint32(0, value, true);
	return bytes;
}

/** u64 as a double; exact up to 2^53. */
export function u64(view: DataView, at: number): number {
	return view.getUint32(at, true) + view.getUint32(at + 4, true) * 4294967296;
}

/** s64 as a double; exact up to ±2^53. */
export function s64(view: DataView, at: number): number {
	return view.getUint32(at, true) + view.getInt32(at + 4, true) * 4294967296;
}

/** Array of u64 as doubles (a copy). */
export function u64s(view: DataView, at: number, length: number): Float64Array {
	const out = new Float64Array(length);
	for (let i = 0; i < length; i++) out[i] = u64(view, at + i * 8);
	return out;
}

/** Array of s64 as doubles (a copy): exact for addresses, whose upper 16 bits are all equal. */
export function s64s(view: DataView, at: number, length: number): Float64Array {
	const out = new Float64Array(length);
	for (let i = 0; i < length; i++) out[i] = s64(view, at + i * 8);
	return out;
}

/** Array of structs. */
export function structs<T>(struct: Struct<T>, view: DataView, at: number, length: number): T[] {
	return Array.from({ length }, (_, i) => struct.read(view, at + i * struct.size));
}

/**
 * The bytes of a C string up to its terminating byte 0, a character for each; `sanitizeLatin1` turns them into text. It takes a
 * tenth of the memory of bytes of their own.
 */
export function latin1Name(bytes: ForeignBytes): string {
	const end = bytes.indexOf(0);
	return String.fromCharCode(...(end < 0 ? bytes : bytes.subarray(0, end)));
}

/** Is it the name that {@link latin1Name} made? */
export function sameName(name: string | undefined, bytes: ForeignBytes): boolean {
	if (name === undefined) return false;
	for (let i = 0; i < name.length; i++) if (bytes[i] !== name.charCodeAt(i)) return false;
	return bytes.length === name.length || bytes[name.length] === 0;
}
