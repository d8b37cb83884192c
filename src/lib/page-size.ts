/** Bytes of a page of memory: 4096 on x86, 4096, 16384 or 65536 on arm64. */
import { readFileSync } from 'node:fs';
import { viewOf } from './decode.ts';
import type { Bytes } from './units.ts';

const AT_PAGESZ = 6;
const USUAL: Bytes = 4096;

/** From the auxiliary vector of a process, pairs of words: type and value. */
export function pageSizeIn(auxv: Uint8Array): Bytes {
	const view = viewOf(auxv);
	for (let at = 0; at + 16 <= auxv.length; at += 16)
		if (view.getUint32(at, true) === AT_PAGESZ) return view.getUint32(at + 8, true) || USUAL;
	return USUAL;
}

let known: Bytes | undefined;

/** Of this machine. Without proc the usual size. */
export function pageSize(): Bytes {
	if (known === undefined) {
		try {
			known = pageSizeIn(readFileSync('/proc/self/auxv'));
		} catch {
			known = USUAL;
		}
	}
	return known;
}
