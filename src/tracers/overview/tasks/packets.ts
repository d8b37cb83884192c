/** Packets of processes: segments that their TCP sockets received and sent, between two walks over open files. */
import type { Count, Ns } from '../../../lib/units.ts';
import type { Channel } from './walk.ts';

export class PacketRates {
	private before = new Map<number, Count>();
	private at: Ns = 0;
	private rates = new Map<number, number>();

	/** Takes all sockets at one moment, CLOCK_MONOTONIC. A socket that is new counts from its begin. */
	take(channels: readonly Channel[], now: Ns): void {
		const counts = new Map<number, Count>();
		const sums = new Map<number, number>();
		for (const { kind, inode, pid, packets } of channels) {
			if (kind !== 'tcp' || packets === 0 || counts.has(inode)) continue;
			counts.set(inode, packets);
			// counters of 32 bits
			const more = (packets - (this.before.get(inode) ?? 0) + 2 ** 32) % 2 ** 32;
			sums.set(pid, (sums.get(pid) ?? 0) + more);
		}
		const seconds = (now - this.at) / 1e9;
		this.rates = this.at > 0 && seconds > 0 ? new Map([...sums].map(([pid, sum]) => [pid, sum / seconds])) : new Map();
		this.before = counts;
		this.at = now;
	}

	/** Of the last walk, when it was. 0: none so far. */
	get taken(): Ns {
		return this.at;
	}

	/** Per second; null: there is no socket, or it is not known yet. */
	of(pid: number): number | null {
		return this.rates.get(pid) ?? null;
	}
}
