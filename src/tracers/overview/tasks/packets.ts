/** Packets of processes between two walks over open files: segments of their TCP sockets, and what was dropped at their sockets. */
import type { Count, Ns } from '../../../lib/units.ts';
import type { Channel } from './channels.ts';

/** What a reading found is spread over so many seconds at most. */
const SPREAD = 5;

/** Counters are of 32 bits. A socket that is new counts from its begin. */
function moreOf(now: Count, before: Count | undefined): Count {
	return (now - (before ?? 0) + 2 ** 32) % 2 ** 32;
}

interface Counts {
	packets: Count;
	drops: Count;
}

export class PacketRates {
	/** By inode. */
	private before = new Map<number, Counts>();
	private at: Ns = 0;
	/** Per second, by pid. */
	private packets = new Map<number, number>();
	/** Dropped packets by pid that no interval has yet, and how many an interval takes of them per second. */
	private dropped = new Map<number, { left: Count; rate: number }>();

	/** Takes all sockets at one moment, CLOCK_MONOTONIC. */
	take(channels: readonly Channel[], now: Ns): void {
		const counts = new Map<number, Counts>();
		const packets = new Map<number, number>();
		const drops = new Map<number, number>();
		for (const { kind, inode, pid, packets: sent, drops: dropped } of channels) {
			if (kind !== 'tcp' || counts.has(inode)) continue;
			const before = this.before.get(inode);
			counts.set(inode, { packets: sent, drops: dropped });
			if (sent > 0) packets.set(pid, (packets.get(pid) ?? 0) + moreOf(sent, before?.packets));
			if (dropped > 0) drops.set(pid, (drops.get(pid) ?? 0) + moreOf(dropped, before?.drops));
		}
		const seconds = (now - this.at) / 1e9;
		const known = this.at > 0 && seconds > 0;
		this.packets = known ? new Map([...packets].map(([pid, sum]) => [pid, sum / seconds])) : new Map();
		const dropped = new Map<number, { left: Count; rate: number }>();
		for (const [pid, sum] of known ? drops : []) {
			const left = sum + (this.dropped.get(pid)?.left ?? 0);
			if (left > 0) dropped.set(pid, { left, rate: left / Math.min(SPREAD, seconds) });
		}
		this.dropped = dropped;
		this.before = counts;
		this.at = now;
	}

	/** Of the last walk, when it was. 0: none so far. */
	get taken(): Ns {
		return this.at;
	}

	/** Per second; null: there is no socket, or it is not known yet. */
	of(pid: number): number | null {
		return this.packets.get(pid) ?? null;
	}

	/** Dropped packets that belong to an interval of this length: what a reading found is spread over as much time after it. */
	droppedIn(pid: number, dt_ns: Ns): Count {
		const dropped = this.dropped.get(pid);
		if (!dropped) return 0;
		const count = Math.min(dropped.left, Math.ceil((dropped.rate * dt_ns) / 1e9));
		dropped.left -= count;
		return count;
	}
}
