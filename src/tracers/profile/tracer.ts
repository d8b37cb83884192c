/** Profile: from a process to the functions in which it spends its time, and what it waits for. */
import type { Tracer } from '../../core/tracer.ts';
import { columns } from './columns.ts';
import { profileOptions } from './options.ts';
import { ProfileSession } from './session.ts';
import type { ProfileExtra, ProfileRow } from './snapshot.ts';

export const profile: Tracer<ProfileRow, ProfileExtra> = {
	id: 'profile',
	title: 'Profile',
	summary: 'Stacks of running or waiting code: of the process that p was pressed on, or of the whole machine.',
	columns,
	defaultSort: 'time_ns_total',
	groups: ['process', 'thread'],
	options: profileOptions,
	onDemand: true,
	apart: true,
	rowKey: ({ pid, tid, state, lock = '', owner = '', frames }) =>
		`${pid} ${tid} ${state} ${lock} ${owner} ${frames.join(';')}`,
	start: (host, options) => new ProfileSession(host, options),
};
