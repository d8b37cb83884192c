/**
 * Symbols of code that a run-time compiles: `perf-PID.map`, written by Node (`--perf-basic-prof`), Python (`-X perf`), Java
 * agents and .NET into /tmp as they see it. Lines are added for code that is compiled later, at addresses that may have
 * been used before: the newest line wins.
 */

import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { firstIndex } from '../lib/bisect.ts';
import { readLatin1 } from '../lib/read-file.ts';
import { pidsOf } from '../system/pid-namespace.ts';
import type { Found } from './table.ts';

/** Bytes of a file that are read, from its end: the newest names. */
const MAX_BYTES = 64 << 20;
const MAX_ENTRIES = 1_000_000;
const MAX_NAME = 512;
const NEWLINE = 10;

/** Code ranges, the newest of those that overlap first. */
export class PerfMap {
	readonly count: number;
	/** Only the end of the file was read. */
	readonly cut: boolean;
	readonly bytes: number;
	private readonly starts: Float64Array;
	private readonly ends: Float64Array;
	/** Position from the end of the file: the lower, the newer. */
	private readonly order: Uint32Array;
	private readonly nameAt: Uint32Array;
	private readonly nameEnd: Uint32Array;
	private readonly text: Uint8Array;

	/** @param most names that are kept */
	constructor(text: Uint8Array, cut = false, most = MAX_ENTRIES) {
		const starts: number[] = [];
		const ends: number[] = [];
		const nameAt: number[] = [];
		const nameEnd: number[] = [];
		this.text = text;
		this.cut = cut;
		// the first line of a part of a file may be half a line
		const first = cut ? text.indexOf(NEWLINE) + 1 : 0;
		// from the end: where there are too many, the newest are kept
		for (let end = text.length; end > first && starts.length < most; ) {
			const at = Math.max(first, text.lastIndexOf(NEWLINE, end - 1) + 1);
			const start = hexAt(text, at, end);
			const size = start && hexAt(text, start.next, end);
			if (size && size.value > 0 && size.next < end) {
				starts.push(start.value);
				ends.push(start.value + size.value);
				nameAt.push(size.next);
				nameEnd.push(Math.min(end, size.next + MAX_NAME));
			}
			end = at - 1;
		}
		const byStart = Uint32Array.from(starts.keys()).sort(
			(a, b) => (starts[a] as number) - (starts[b] as number) || a - b,
		);
		this.count = starts.length;
		this.starts = Float64Array.from(byStart, (index) => starts[index] as number);
		this.ends = Float64Array.from(byStart, (index) => ends[index] as number);
		this.nameAt = Uint32Array.from(byStart, (index) => nameAt[index] as number);
		this.nameEnd = Uint32Array.from(byStart, (index) => nameEnd[index] as number);
		this.order = byStart;
		this.bytes = text.length + this.count * 28;
	}

	find(address: number): Found | undefined {
		const behind = firstIndex(this.count, (index) => (this.starts[index] as number) > address);
		// ranges that begin before may reach here; the newest of the nearest ones wins
		let best = -1;
		for (let index = behind - 1, looked = 0; index >= 0 && looked < 64; index--, looked++) {
			if (address >= (this.ends[index] as number)) continue;
			if (best < 0 || (this.order[index] as number) < (this.order[best] as number)) best = index;
		}
		if (best < 0) return undefined;
		const start = this.starts[best] as number;
		const name = this.text.subarray(this.nameAt[best], this.nameEnd[best]);
		return { name, start, size: (this.ends[best] as number) - start };
	}
}

function hexAt(text: Uint8Array, from: number, end: number): { value: number; next: number } | undefined {
	let at = from;
	if (text[at] === 0x30 && (text[at + 1] === 0x78 || text[at + 1] === 0x58)) at += 2;
	let value = 0;
	const begin = at;
	for (; at < end; at++) {
		const byte = text[at] as number;
		const lower = byte | 0x20;
		const digit = byte >= 0x30 && byte <= 0x39 ? byte - 0x30 : lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
		if (digit < 0) break;
		value = value * 16 + digit;
	}
	if (at === begin || at - begin > 13 + 3 || text[at] !== 0x20 || value > Number.MAX_SAFE_INTEGER) return undefined;
	return { value, next: at + 1 };
}

/** Innermost pid and the real user of a process. */
function identity(procRoot: string, pid: number): { inner: number; user: number } {
	const status = readLatin1(join(procRoot, String(pid), 'status'));
	const user = /^Uid:\s+(\d+)/m.exec(status)?.[1];
	return { inner: pidsOf(status).at(-1) ?? pid, user: Number(user) };
}

/** A map as it was read, and the state of the file then. */
export interface ReadMap {
	map: PerfMap;
	/** Changes with the file. */
	state: string;
}

/**
 * The map of a process, inside its mount namespace. undefined: it has none, or not one that can be trusted to be its own:
 * a link, not a regular file, or of another user than root and its own. One that has not changed is `before`.
 */
export function readPerfMap(procRoot: string, pid: number, before?: ReadMap): ReadMap | undefined {
	let folder = -1;
	let fd = -1;
	try {
		const { inner, user } = identity(procRoot, pid);
		const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK } = constants;
		folder = openSync(join(procRoot, String(pid), 'root/tmp'), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
		fd = openSync(`/proc/self/fd/${folder}/perf-${inner}.map`, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
		const file = fstatSync(fd);
		const { size, uid } = file;
		if (!file.isFile() || (uid !== 0 && uid !== user)) return undefined;
		const state = `${file.dev} ${file.ino} ${size} ${file.mtimeMs}`;
		if (before?.state === state) return before;
		const length = Math.min(size, MAX_BYTES);
		const bytes = new Uint8Array(length);
		let done = 0;
		while (done < length) {
			const more = readSync(fd, bytes, done, length - done, size - length + done);
			if (more === 0) break;
			done += more;
		}
		return { map: new PerfMap(bytes.subarray(0, done), length < size), state };
	} catch {
		return undefined;
	} finally {
		if (fd >= 0) closeSync(fd);
		if (folder >= 0) closeSync(folder);
	}
}
