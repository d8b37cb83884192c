/** Help texts of the events tab. */
import type { HelpSection } from '../../tab.ts';

export const help: readonly HelpSection[] = [
	{
		title: 'Events – terms',
		entries: [
			['record', 'one event with all its details; kinds and reasons with many events have some of each second only'],
			['suppressed', 'events that are counted but have no record, since their kind and reason had too many'],
			['hidden', 'events of normal operation, which are counted only; --events-all and --events-show list them'],
			['before start', 'a message of the kernel log that is older than this program'],
			['Enter', 'one event with all fields, and the state of its interval; Enter again: its process'],
			['◆ ● ○', 'severe, high, notice: marks on the charts of other tabs, and in the strip below them'],
			['not known', 'no process is known; the task that happened to run at the time is never named'],
			['cause', 'policy: a rule of this machine; overload: too much work; peer: the other end; local: an error here'],
			[
				'blocked',
				'in uninterruptible sleep for longer than 1 s: waiting for a disk, a file system, a server or a lock',
			],
		],
	},
];
