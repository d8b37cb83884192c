import { type SafeText, safe } from '../../../lib/sanitize.ts';
import type { Ns } from '../../../lib/units.ts';
import { counted, duration, percent } from '../format.ts';
import { equals, type Interval, processKey, rowOf } from '../interval.ts';
import { excessOf, type Rule } from '../rule.ts';

const limits = { waiting: 0.2 };

/** The profile's figures are of the time since it began: they do not change where it has ended. */
function waiting(ns: Ns, seconds: number): number {
	return ns / (seconds * 1e9);
}

function ownerText(owner: SafeText | undefined): SafeText {
	return owner === undefined ? safe`` : safe`; held by ${owner}`;
}

/** Threads wait for a lock, by a profile that was taken on demand. */
export const contention = {
	id: 'contention',
	level: 'high',
	// the profile took its time
	beginsAfter: 0,
	title: 'contention',
	help: `Threads of one name wait for one lock, on average ${percent(limits.waiting)} of a thread or more, by a profile of waits of 2 s or longer (key P, or p and m): locks of the kernel, and of programs by the function that wanted them. Checked only while there is such a profile. Owner: the process that waits most.`,
	asked: ({ hot }) => hot?.waits === true,
	check({ hot, rows }: Interval) {
		if (!hot) return [];
		return hot.locks.map(({ name, comm, pid, waiters, ns, owner }) => {
			const row = rowOf(rows, pid);
			const average = waiting(ns, hot.seconds);
			return {
				about: `${comm} ${name}`,
				excess: excessOf([average, limits.waiting]),
				subject: comm,
				text: safe`${name}: ${counted(waiters, safe`thread`)} waited ${duration(ns)} in ${duration(hot.seconds * 1e9)}${ownerText(owner)}`,
				figures: { waiting_threads: average, waiters, wait_ns: ns, profile_seconds: hot.seconds },
				owner: row ? { role: safe`most by`, pid, start_time: row.start_time, comm, processes: 1 } : null,
				touches: Math.min(1, average) / 4,
				link: {
					tab: 'overview' as const,
					filter: equals('comm', comm),
					...(row && { process: processKey(row) }),
				},
			};
		});
	},
} as const satisfies Rule;
