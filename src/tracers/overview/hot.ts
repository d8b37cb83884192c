/** What a profile says that was taken on demand: the hottest function or lock, for the findings that it explains. */
import type { Snapshot } from '../../core/snapshot.ts';
import type { Tick } from '../../core/tracer.ts';
import { type SafeText, safe } from '../../lib/sanitize.ts';
import type { Hottest, HottestLock } from '../../profile/hottest.ts';
import { ALL_PROCESSES, type ProfileExtra, type ProfileRow } from '../profile/snapshot.ts';
import { percent } from './format.ts';

/** Shorter profiles say little. */
const LEAST_SECONDS = 2;

/** Of a profile of at least 2 s. */
export interface Hot {
	seconds: number;
	/** It has samples of running code. */
	samples: boolean;
	/** It has waits, and so locks. */
	waits: boolean;
	/** Of the whole machine; empty of another target, whose shares say nothing about the machine. */
	functions: readonly Hottest[];
	locks: readonly HottestLock[];
}

/** null: there is no profile, or it is too short. */
export function hotOf(tick: Tick): Hot | null {
	const profile = tick.get('profile') as Snapshot<ProfileRow, ProfileExtra> | undefined;
	if (!profile || profile.profile_seconds < LEAST_SECONDS) return null;
	const { mode, profile_seconds: seconds, hottest_locks: locks } = profile;
	const functions = profile.target === ALL_PROCESSES ? profile.hottest : [];
	return { seconds, samples: mode === 'on-cpu' || mode === 'wall', waits: mode !== 'on-cpu', functions, locks };
}

function functionText({ comm, pid, function: name, share, callers: [caller] }: Hottest): SafeText {
	const below = caller === undefined ? safe`` : safe` below ${caller}`;
	return safe`; hottest: ${name}${below} in ${comm}[${pid}], ${percent(share)} of running code`;
}

/** To follow the text of a finding: the hottest running function, of `pid` or of all but `without`; empty: not known. */
export function hottestText(hot: Hot | null, { pid, without }: { pid?: number; without?: number } = {}): SafeText {
	const found = hot?.functions.find(
		(one) => one.state === 'on-cpu' && (pid === undefined || one.pid === pid) && one.pid !== without,
	);
	return found ? functionText(found) : safe``;
}
