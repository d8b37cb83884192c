/** Memory, swap and network of the machine, from `/proc`. */
import { join } from 'node:path';
import { readKept } from '../lib/kept-files.ts';
import type { Bytes, Count, Ns } from '../lib/units.ts';
import { isGuest } from './guest.ts';

export interface Memory {
	total_bytes: Bytes;
	/** What the kernel could give to a new program without swapping. */
	available_bytes: Bytes;
	swap_total_bytes: Bytes;
	swap_used_bytes: Bytes;
}

/** Of the interval, over all interfaces of this network namespace but loopback. */
export interface Network {
	received_bytes: Bytes;
	sent_bytes: Bytes;
	received: Count;
	sent: Count;
	/** Dropped by the kernel or the device, in both directions. */
	dropped: Count;
}

/** undefined: no such text. */
function parseMeminfo(text: string): Memory | undefined {
	const bytes = (name: string): Bytes =>
		1024 * Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? Number.NaN);
	const total = bytes('MemTotal');
	if (!Number.isFinite(total)) return undefined;
	const swap = bytes('SwapTotal') || 0;
	return {
		total_bytes: total,
		available_bytes: bytes('MemAvailable'),
		swap_total_bytes: swap,
		swap_used_bytes: swap - (bytes('SwapFree') || 0),
	};
}

/** Totals by interface. */
export function parseNetDev(text: string): Map<string, Network> {
	const found = new Map<string, Network>();
	for (const line of text.split('\n')) {
		const [, name, rest] = /^\s*([^\s:]+):\s*(.*)$/.exec(line) ?? [];
		if (name === undefined || rest === undefined || name === 'lo') continue;
		const [rb = 0, rp = 0, , rd = 0, , , , , sb = 0, sp = 0, , sd = 0] = rest.trim().split(/\s+/).map(Number);
		found.set(name, { received_bytes: rb, sent_bytes: sb, received: rp, sent: sp, dropped: rd + sd });
	}
	return found;
}

const fields = ['received_bytes', 'sent_bytes', 'received', 'sent', 'dropped'] as const;

/** Time that a hypervisor has run something else, all CPUs, since boot; NaN: no such text. /proc/stat counts in hundredths of a second. */
function parseStolen(text: string): Ns {
	const steal = /^cpu +(?:\d+ ){7}(\d+)/.exec(text)?.[1];
	return steal === undefined ? Number.NaN : Number(steal) * 1e7;
}

/** Memory now; network and stolen time since the last read. */
export class MachineReader {
	private readonly procRoot: string;
	private before: Map<string, Network> | undefined;
	/** undefined: this is no virtual machine. */
	private stolenBefore: Ns | undefined;

	constructor(procRoot: string) {
		this.procRoot = procRoot;
		this.before = this.totals();
		if (isGuest(procRoot)) this.stolenBefore = parseStolen(this.text('stat'));
	}

	/** Since the last read; undefined: not known, or no virtual machine. */
	stolen(): Ns | undefined {
		if (this.stolenBefore === undefined) return undefined;
		const now = parseStolen(this.text('stat'));
		const stolen = now - this.stolenBefore;
		this.stolenBefore = now;
		return stolen >= 0 ? stolen : undefined;
	}

	/** null: not known. */
	memory(): Memory | null {
		return parseMeminfo(this.text('meminfo')) ?? null;
	}

	/** Since the last read; null: not known. An interface that came or was reset meanwhile begins at 0. */
	network(): Network | null {
		const before = this.before;
		const now = this.totals();
		this.before = now;
		if (!now || !before) return null;
		const sum: Network = { received_bytes: 0, sent_bytes: 0, received: 0, sent: 0, dropped: 0 };
		for (const [name, totals] of now) {
			const then = before.get(name);
			if (!then) continue;
			for (const field of fields) sum[field] += Math.max(0, totals[field] - then[field]);
		}
		return sum;
	}

	private totals(): Map<string, Network> | undefined {
		const text = this.text('net/dev');
		return text === '' ? undefined : parseNetDev(text);
	}

	private text(name: string): string {
		try {
			return readKept(join(this.procRoot, name));
		} catch {
			return '';
		}
	}
}
