/** Whether a trigger makes a capture. Pure: time is a parameter. */
import type { Bytes, Count } from '../lib/units.ts';

/** Between two captures of one cause, ms: doubled by each capture, halved by each quiet time as long. */
const FIRST_MS = 600_000;
const MOST_MS = 10_800_000;
const DAY_MS = 86_400_000;
/** Captures of all causes in a day. */
const PER_DAY = 24;
/** Bytes of all captures in the folder. */
export const MOST_BYTES: Bytes = 2 ** 30;

interface Cause {
	last: number;
	pause: number;
}

export class CapturePolicy {
	private readonly causes = new Map<string, Cause>();
	private made: number[] = [];
	captured: Count = 0;
	suppressed: Count = 0;

	/**
	 * @param asked the user has asked for it: only the limits of a day and of bytes count
	 * @param bytes those of the captures that are there
	 * @param busy why it cannot be now
	 * @returns undefined: capture now; else why not
	 */
	refuse(cause: string, now: number, bytes: Bytes, asked = false, busy?: string): string | undefined {
		const reason = busy ?? this.reason(cause, now, bytes, asked);
		if (reason !== undefined) this.suppressed++;
		return reason;
	}

	/** It was captured. */
	done(cause: string, now: number): void {
		const known = this.causes.get(cause);
		this.causes.set(cause, { last: now, pause: known ? Math.min(MOST_MS, this.pauseOf(known, now) * 2) : FIRST_MS });
		this.made = [...this.made.filter((at) => now - at < DAY_MS), now];
		this.captured++;
	}

	private reason(cause: string, now: number, bytes: Bytes, asked: boolean): string | undefined {
		if (this.made.filter((at) => now - at < DAY_MS).length >= PER_DAY) return `${PER_DAY} captures in a day`;
		if (bytes >= MOST_BYTES) return `captures take ${Math.round(bytes / 2 ** 20)} MiB: remove some`;
		const known = this.causes.get(cause);
		if (asked || !known) return undefined;
		const left = known.last + this.pauseOf(known, now) - now;
		return left > 0 ? `captured ${Math.round((now - known.last) / 60_000)} min ago` : undefined;
	}

	/** Each quiet time as long as the pause halves it. */
	private pauseOf({ last, pause }: Cause, now: number): number {
		let left = pause;
		for (let quiet = now - last - left; quiet > left && left > FIRST_MS; quiet -= left)
			left = Math.max(FIRST_MS, left / 2);
		return left;
	}
}
