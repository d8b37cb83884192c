/** How long all threads of a process have slept. */
import type { Count, Ns } from '../../../../lib/units.ts';
import type { ProcessNow } from '../walk.ts';
import { STILL } from './standstill.ts';

/** A process all of whose threads have slept for long enough, or one that is stopped. */
export function isAsleep({ tasks }: ProcessNow): boolean {
	return tasks.every(({ state, asleep_ns }) => asleep_ns >= STILL || state === 'T' || state === 't');
}

/** Of all threads, so far. */
export const switchesOf = ({ tasks }: ProcessNow): Count => tasks.reduce((sum, { switches }) => sum + switches, 0);
/** Since the last of them slept. */
export const youngest = ({ tasks }: ProcessNow): Ns =>
	tasks.reduce((least, { asleep_ns }) => Math.min(least, asleep_ns), Number.POSITIVE_INFINITY);
