/** Times of the intervals of a history, for time axes: lengths differ, and the machine may have slept. Pure. */
import type { Snapshot } from '../core/snapshot.ts';

/** Positions of intervals on a time axis, in the order of the history. */
export interface Timeline {
	/** Time from the end of each to the end of the newest, s. */
	ages: readonly number[];
	/** Time by which each was longer than requested, s; 0: not longer. */
	gaps: readonly number[];
	/** Usual length of an interval, s. */
	step: number;
}

/** The times of an interval. */
export type Timed = Pick<Snapshot, 'mono_ns' | 'dt_ns' | 'gap'>;

/** Ages by the monotonic clock; time that the machine slept is added. @param history oldest first */
export function timelineOf(history: readonly Timed[]): Timeline {
	const ages: number[] = new Array(history.length);
	let age = 0;
	for (let i = history.length - 1; i >= 0; i--) {
		const [{ mono_ns }, next] = [history[i] as Timed, history[i + 1]];
		if (next) age += next.mono_ns - mono_ns + (next.gap?.suspended_ns ?? 0);
		ages[i] = age / 1e9;
	}
	return {
		ages,
		gaps: history.map(({ gap }) => (gap ? (gap.late_ns + gap.suspended_ns) / 1e9 : 0)),
		step: (history.findLast(({ gap }) => !gap)?.dt_ns ?? 1e9) / 1e9,
	};
}

/** The newest `count` of them. */
export function lastOf({ ages, gaps, step }: Timeline, count: number): Timeline {
	return { ages: ages.slice(-count), gaps: gaps.slice(-count), step };
}
