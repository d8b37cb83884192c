/** The snapshots of one tab over some seconds. */
import { BECOME_ROOT } from '../../core/errors.ts';
import type { Sampler } from '../../core/sampler.ts';
import type { Snapshot } from '../../core/snapshot.ts';
import { type SafeText, safe } from '../../lib/sanitize.ts';
import type { OverviewExtra, OverviewRow } from '../../tracers/overview/snapshot.ts';

type OverviewSnapshot = Snapshot<OverviewRow, OverviewExtra>;

export interface Observation {
	/** Oldest first. */
	snapshots: OverviewSnapshot[];
	/** Why there are none, or no more. */
	failure: SafeText;
	/** A tab lacks the rights of root. */
	unprivileged: boolean;
}

/**
 * Resolves when snapshots cover so many seconds, at the first signal with those so far, or when the tab cannot be measured.
 * Of snapshots but the last one only the findings are kept: rows of ten intervals are many megabytes.
 */
export function observe(sampler: Sampler, tab: string, seconds: number): Promise<Observation> {
	const snapshots: OverviewSnapshot[] = [];
	let covered = 0;
	let failure = safe``;
	let unprivileged = false;
	return new Promise((resolve) => {
		const end = () => {
			unsubscribe();
			resolve({ snapshots, failure, unprivileged });
		};
		for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, end);
		const unsubscribe = sampler.subscribe((event) => {
			switch (event.kind) {
				case 'snapshot': {
					if (event.snapshot.tab !== tab) return;
					const before = snapshots.pop();
					if (before) snapshots.push({ ...before, rows: [] });
					snapshots.push(event.snapshot as OverviewSnapshot);
					covered += event.snapshot.dt_ns;
					// a tenth of an interval less: intervals are not exactly as long as requested
					if (covered >= seconds * 1e9 - event.snapshot.dt_ns / 10) end();
					break;
				}
				case 'unavailable':
					unprivileged ||= event.fix.includes(BECOME_ROOT);
					failure = safe`${event.tab as SafeText}: ${event.reason}; ${event.fix}`;
					if (event.tab === tab) end();
					break;
				case 'worker-failed':
					failure = safe`sampling failed: ${event.message}`;
					if (!event.restarting) end();
					break;
			}
		});
	});
}
