/**
 * Clocks of the machine and of the calling thread. In a time namespace (containers restored elsewhere, `unshare -T`) the
 * clocks that a process reads, and the times that proc shows it, are off those of the kernel and of BPF programs: they are
 * converted here and nowhere else.
 */

import { readlinkSync } from 'node:fs';
import { readLatin1 } from './read-file.ts';
import type { Ns } from './units.ts';

/** Clocks of a time namespace minus those of the kernel, ns. */
export interface ClockOffsets {
	monotonic: bigint;
	boottime: bigint;
}

/** From `/proc/PID/timens_offsets`: lines of clock, seconds, nanoseconds. A clock that it does not name is not off. */
export function parseClockOffsets(text: string): ClockOffsets {
	const of = (clock: string): bigint => {
		const found = new RegExp(`^(?:${clock})\\s+(-?\\d{1,18})\\s+(-?\\d{1,9})\\s*$`, 'm').exec(text);
		return found ? BigInt(found[1] as string) * 1_000_000_000n + BigInt(found[2] as string) : 0n;
	};
	// the first kernels with time namespaces wrote numbers
	return { monotonic: of('monotonic|1'), boottime: of('boottime|7') };
}

/**
 * The file describes the namespace of the process's children, which is another one between `unshare` and the next fork. Then
 * the file of a process whose children are in this namespace is read.
 */
export function ownOffsets(procRoot: string, parent: number): ClockOffsets {
	for (const name of ['self', String(parent), '1']) {
		try {
			const folder = `${procRoot}/${name}`;
			if (readlinkSync(`${procRoot}/self/ns/time`) === readlinkSync(`${folder}/ns/time_for_children`))
				return parseClockOffsets(readLatin1(`${folder}/timens_offsets`));
		} catch {
			// a kernel without time namespaces (before 5.6), no proc, or none of that process
		}
	}
	return { monotonic: 0n, boottime: 0n };
}

const offsets = ownOffsets('/proc', process.ppid);
const bootOffset = Number(offsets.boottime);

/** CLOCK_MONOTONIC of the kernel, the clock of BPF programs; exact to 1 ns up to 104 days of uptime. */
export function monotonicNs(): Ns {
	return Number(process.hrtime.bigint() - offsets.monotonic);
}

/** A time since boot as proc shows it to this process (`/proc/PID/stat`, `/proc/uptime`) → CLOCK_BOOTTIME of the kernel. */
export function kernelBootNs(shown: Ns): Ns {
	return shown - bootOffset;
}

/**
 * CPU time of the calling thread, user and system, to the microsecond. Two calls around a piece of work give its cost.
 *
 * The kernel updates a running thread's own figure at ticks and switches only, so that anything shorter than a tick
 * would cost nothing or a whole one. Reading the process's figure first updates the caller's.
 */
export function threadCpu(): Ns {
	process.cpuUsage();
	const { user, system } = process.threadCpuUsage();
	return (user + system) * 1000;
}
