/** The system call in which a thread sleeps, and the files that it waits for in it, from `/proc`. */

import { closeSync, existsSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { readLatin1 } from '../lib/read-file.ts';
import { pidsOf } from './pid-namespace.ts';

type Kind = 'epoll' | 'poll' | 'select' | 'file' | 'futex' | 'uring' | 'sleep' | 'semaphore' | 'child';

/** Numbers of calls by machine; position of the argument with the time limit, where it is a pointer or milliseconds. */
const numbers: Readonly<Record<string, Readonly<Record<number, Kind>>>> = {
	x64: {
		...{ 232: 'epoll', 281: 'epoll', 441: 'epoll', 7: 'poll', 271: 'poll', 23: 'select', 270: 'select' },
		...{ 0: 'file', 1: 'file', 17: 'file', 18: 'file', 19: 'file', 20: 'file', 43: 'file', 44: 'file', 45: 'file' },
		...{ 46: 'file', 47: 'file', 288: 'file', 299: 'file', 202: 'futex', 449: 'futex', 426: 'uring' },
		...{ 35: 'sleep', 230: 'sleep', 65: 'semaphore', 220: 'semaphore', 61: 'child', 247: 'child' },
	},
	arm64: {
		...{ 22: 'epoll', 441: 'epoll', 73: 'poll', 72: 'select', 63: 'file', 64: 'file', 65: 'file', 66: 'file' },
		...{ 67: 'file', 68: 'file', 202: 'file', 206: 'file', 207: 'file', 211: 'file', 212: 'file', 242: 'file' },
		...{ 243: 'file', 98: 'futex', 449: 'futex', 426: 'uring', 101: 'sleep', 115: 'sleep' },
		...{ 193: 'semaphore', 192: 'semaphore', 260: 'child', 95: 'child' },
	},
};

export interface BlockedCall {
	kind: Kind | 'other';
	/** Files that end the wait; null: not known (io_uring, memory that cannot be read). */
	fds: ReadonlySet<number> | null;
	/** It ends by itself after some time. */
	timed: boolean;
	/** Of a futex: its address. */
	address: bigint;
	/** Of a futex: in memory that processes share. */
	shared?: boolean;
	/** Of a System V semaphore: the set, and the number of the first one in it that the call wants. */
	semaphore?: { id: number; number: number };
	/** Of a wait for a child: its pid in the pid namespace of the waiting process; 0: any child. */
	child?: number;
}

/** Most files of a set. */
const MOST_FDS = 4096;
/** Readable, or that somebody hung up without data. */
const POLLIN = 1;
const EPOLLIN = 1;

/** Bytes of a process's memory; undefined: not readable. */
function memory(procRoot: string, pid: number, address: bigint, bytes: number): Buffer | undefined {
	if (address === 0n || address > BigInt(Number.MAX_SAFE_INTEGER)) return undefined;
	let file: number | undefined;
	try {
		file = openSync(join(procRoot, String(pid), 'mem'), 'r');
		const into = Buffer.alloc(bytes);
		return readSync(file, into, 0, bytes, Number(address)) === bytes ? into : undefined;
	} catch {
		return undefined;
	} finally {
		if (file !== undefined) closeSync(file);
	}
}

/** The files of an epoll set that wait for data, from the text of its fdinfo. */
function epollFiles(text: string): Set<number> {
	const files = new Set<number>();
	for (const [, fd, events] of text.matchAll(/^tfd:\s*(\d+) events:\s*([0-9a-f]+)/gm))
		if (Number.parseInt(events as string, 16) & EPOLLIN) files.add(Number(fd));
	return files;
}

function polled(bytes: Buffer): Set<number> {
	const files = new Set<number>();
	for (let at = 0; at + 8 <= bytes.length; at += 8)
		if (bytes.readInt32LE(at) >= 0 && bytes.readInt16LE(at + 4) & POLLIN) files.add(bytes.readInt32LE(at));
	return files;
}

function selected(bytes: Buffer): Set<number> {
	const files = new Set<number>();
	for (let fd = 0; fd < bytes.length * 8; fd++) if ((bytes[fd >> 3] as number) & (1 << (fd & 7))) files.add(fd);
	return files;
}

/** Arguments as in `/proc/PID/task/TID/syscall`. */
function setOf(procRoot: string, pid: number, kind: Kind, args: readonly bigint[]): ReadonlySet<number> | null {
	const [first = 0n, second = 0n] = args;
	switch (kind) {
		case 'epoll':
			try {
				return epollFiles(readLatin1(join(procRoot, String(pid), 'fdinfo', String(first))));
			} catch {
				return null;
			}
		case 'poll': {
			const bytes = memory(procRoot, pid, first, Math.min(Number(second & 0xffffn), MOST_FDS) * 8);
			return bytes ? polled(bytes) : null;
		}
		case 'select': {
			if (second === 0n) return new Set();
			const bytes = memory(procRoot, pid, second, ((Math.min(Number(first & 0xffffn), MOST_FDS) + 63) >> 6) * 8);
			return bytes ? selected(bytes) : null;
		}
		case 'file':
			return new Set([Number(first & 0xffffffffn)]);
		case 'futex':
		case 'sleep':
		case 'semaphore':
		case 'child':
			return new Set();
		case 'uring':
			return null;
	}
}

/** Is there a time limit? Milliseconds below 0 are none, a pointer of 0 is none. */
function isTimed(number: number, kind: Kind, args: readonly bigint[], arch: string): boolean {
	const milliseconds = (value = 0n) => Number(BigInt.asIntN(32, value)) >= 0;
	switch (kind) {
		case 'epoll':
			return number === 441 ? args[3] !== 0n : milliseconds(args[3]);
		case 'poll':
			return arch === 'x64' && number === 7 ? milliseconds(args[2]) : args[2] !== 0n;
		case 'select':
			return args[4] !== 0n;
		case 'futex':
			return number !== 449 && args[3] !== 0n;
		case 'semaphore':
			return (number === 220 || number === 192) && args[3] !== 0n;
		case 'sleep':
			return true;
		default:
			return false;
	}
}

/** FUTEX_PRIVATE_FLAG; the calls that wait for any of several, or by flags of their own, have no such word. */
const PRIVATE = 128n;
/** P_PID of waitid. */
const ONE_PROCESS = 1n;
const WAIT4: ReadonlySet<number> = new Set([61, 260]);

/** What only some kinds of calls have. */
function aboutOf(
	procRoot: string,
	pid: number,
	number: number,
	kind: Kind,
	args: readonly bigint[],
): Pick<BlockedCall, 'shared' | 'semaphore' | 'child'> {
	const [first = 0n, second = 0n] = args;
	switch (kind) {
		case 'futex':
			return { shared: number !== 449 && (second & PRIVATE) === 0n };
		case 'semaphore': {
			const operation = memory(procRoot, pid, second, 6);
			return operation ? { semaphore: { id: Number(first), number: operation.readUInt16LE(0) } } : {};
		}
		case 'child':
			if (WAIT4.has(number)) return { child: Math.max(0, Number(BigInt.asIntN(32, first))) };
			return { child: first === ONE_PROCESS ? Number(second) : 0 };
		default:
			return {};
	}
}

/** undefined: it runs, has gone, or `/proc` does not say. Needs the right to trace the process. */
export function blockedCall(
	procRoot: string,
	pid: number,
	tid: number,
	arch: string = process.arch,
): BlockedCall | undefined {
	let text: string;
	try {
		text = readLatin1(join(procRoot, String(pid), 'task', String(tid), 'syscall'));
	} catch {
		return undefined;
	}
	const words = text.trim().split(' ');
	const number = Number(words[0]);
	if (!Number.isInteger(number)) return undefined;
	const kind = number >= 0 ? numbers[arch]?.[number] : undefined;
	if (kind === undefined) return { kind: 'other', fds: new Set(), timed: false, address: 0n };
	const args = words.slice(1, 7).map(BigInt);
	return {
		kind,
		fds: setOf(procRoot, pid, kind, args),
		timed: isTimed(number, kind, args, arch),
		address: kind === 'futex' ? (args[0] ?? 0n) : 0n,
		...aboutOf(procRoot, pid, number, kind, args),
	};
}

/** Threads that are searched for one of a container. */
const MOST_THREADS = 512;

/** A thread by the id that its process knows, which in a container is another one than that in `/proc`. 0: there is none. */
export function threadOf(procRoot: string, pid: number, inside: number): number {
	const folder = join(procRoot, String(pid), 'task');
	if (inside <= 0) return 0;
	if (existsSync(join(folder, String(inside)))) return inside;
	try {
		for (const name of readdirSync(folder).slice(0, MOST_THREADS)) {
			const all = pidsOf(readLatin1(join(folder, name, 'status')));
			// of one that is in no container there is nothing to translate
			if (all.length < 2) return 0;
			if (all.at(-1) === inside) return Number(name);
		}
	} catch {
		// it has ended
	}
	return 0;
}

/**
 * The thread that has a mutex of the C library on which others wait: the word behind the lock and its count. 0: none, or the
 * word is no mutex (a condition, a semaphore). The caller checks that the thread exists in the process.
 */
export function mutexOwner(procRoot: string, pid: number, address: bigint): number {
	const bytes = memory(procRoot, pid, address, 12);
	// 2: locked, and somebody waits
	return bytes && bytes.readUInt32LE(0) === 2 ? bytes.readUInt32LE(8) : 0;
}
