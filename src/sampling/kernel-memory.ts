/** Kernel memory of our BPF maps and programs, which is part of no process's RSS. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Bytes, Ns } from '../lib/units.ts';

/** A read takes some milliseconds, so it is reused for this long, unless programs are loaded or unloaded. */
const FRESH: Ns = 30e9;

function memlock(proc: string, fd: string): Bytes {
	try {
		if (!/^anon_inode:bpf-(map|prog)$/.test(readlinkSync(join(proc, 'self/fd', fd)))) return 0;
		return Number(/^memlock:\s*(\d+)/m.exec(readFileSync(join(proc, 'self/fdinfo', fd), 'utf8'))?.[1] ?? 0);
	} catch {
		// closed since it was listed
		return 0;
	}
}

/** As the kernel states it for each open one (`memlock` in fdinfo), without the task storage of each task. */
export function kernelMemory(proc: string): Bytes | null {
	try {
		return readdirSync(join(proc, 'self/fd')).reduce((sum, fd) => sum + memlock(proc, fd), 0);
	} catch {
		return null;
	}
}

/** Caches the figure. */
export class KernelMemory {
	private readonly proc: string;
	private readAt: Ns = Number.NEGATIVE_INFINITY;
	private bytes: Bytes | null = null;

	constructor(proc: string) {
		this.proc = proc;
	}

	/** Programs were loaded or unloaded. */
	changed(): void {
		this.readAt = Number.NEGATIVE_INFINITY;
	}

	/** null: not known. */
	read(now: Ns): Bytes | null {
		if (now - this.readAt >= FRESH) {
			this.bytes = kernelMemory(this.proc);
			this.readAt = now;
		}
		return this.bytes;
	}
}
