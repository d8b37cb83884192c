/** What a rule says of a made-up machine, and machines that several tests need. */
import { expect } from 'vitest';
import { sanitize } from '../../src/lib/sanitize.ts';
import type { RuleId } from '../../src/tracers/overview/rules.ts';
import { ALL_PROCESSES, type ProfileExtra } from '../../src/tracers/profile/snapshot.ts';
import { type Busy, Machine, say, second, type World } from './overview-fixtures.ts';

export const hogs = (each: number, count = 4): Busy[] =>
	Array.from({ length: count }, (_, index) => ({
		pid: 500 + index,
		comm: 'stress-ng-cpu',
		cpu: each,
		watts: 5 * each,
		wait: 0.5,
		p99: 1.2e7,
	}));

export const stall = (share: number) => ({ some_ns: share * second, full_ns: (share * second) / 2 });

/** What is said after three seconds of it, by this rule only. */
export function said(rule: RuleId, change: Partial<World>): string[] {
	return new Machine()
		.run(3, change)
		.filter((finding) => finding.rule === rule)
		.map(say);
}

export const silent = (rule: RuleId, change: Partial<World>) => expect(said(rule, change)).toEqual([]);

/** Of 2 s: a lock of a database, and the functions that run. */
export const profiled: Partial<ProfileExtra> = {
	mode: 'wall',
	target: ALL_PROCESSES,
	profile_seconds: 2,
	hottest: [
		{
			comm: sanitize('postgres'),
			pid: 812,
			function: sanitize('XactLockTableWait'),
			state: 'lock',
			callers: [],
			ns: 8 * second,
			share: 0.9,
		},
		{
			comm: sanitize('hog'),
			pid: 900,
			function: sanitize('spin'),
			state: 'on-cpu',
			callers: [sanitize('main')],
			ns: second,
			share: 0.6,
		},
		{
			comm: sanitize('wattlag'),
			pid: process.pid,
			function: sanitize('drawScreen'),
			state: 'on-cpu',
			callers: [],
			ns: second / 2,
			share: 0.3,
		},
	],
	hottest_locks: [
		{ name: sanitize('lock in XactLockTableWait'), comm: sanitize('postgres'), pid: 812, waiters: 6, ns: 8 * second },
		{
			name: sanitize('mutex in pipe_read'),
			comm: sanitize('cat'),
			pid: 813,
			waiters: 1,
			ns: 0.1 * second,
			owner: sanitize('dd[7]'),
		},
	],
};
