/** Restarts of failed tracers: after 10 s, then twice as long each time, at most 5 minutes. */
import type { Count, Ns } from '../lib/units.ts';

const FIRST_S = 10;
const MOST_S = 300;

export interface Retry {
	/** Time until the next try. */
	seconds: number;
	/** Restarts so far. */
	restarts: Count;
}

interface Failed extends Retry {
	timer: NodeJS.Timeout | undefined;
	/** CLOCK_MONOTONIC of the last try. */
	triedAt: Ns;
}

export class Restarts {
	private readonly failed = new Map<string, Failed>();

	/** A failure at `now`: `again` is called for the restart. After 5 minutes without a failure the pauses begin at 10 s. */
	schedule(id: string, now: Ns, again: () => void): Retry {
		const before = this.failed.get(id);
		const lasted = before ? (now - before.triedAt) / 1e9 : 0;
		const seconds = !before || lasted >= MOST_S ? FIRST_S : Math.min(MOST_S, 2 * before.seconds);
		const restarts = before?.restarts ?? 0;
		const failed: Failed = { seconds, restarts, timer: undefined, triedAt: before?.triedAt ?? now };
		failed.timer = setTimeout(() => {
			failed.timer = undefined;
			again();
		}, seconds * 1000);
		this.failed.set(id, failed);
		return { seconds, restarts };
	}

	/** A start at `now`. Returns whether it is a restart after a failure. */
	start(id: string, now: Ns): boolean {
		const failed = this.failed.get(id);
		if (!failed) return false;
		failed.restarts++;
		failed.triedAt = now;
		return true;
	}

	/** Is a restart scheduled? */
	waits(id: string): boolean {
		return this.failed.get(id)?.timer !== undefined;
	}

	close(): void {
		for (const { timer } of this.failed.values()) clearTimeout(timer);
		this.failed.clear();
	}
}
