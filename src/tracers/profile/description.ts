/** Profile: from a process to the functions in which it spends its time, and what it waits for. */
import type { Description } from '../../core/tracer.ts';
import { columns } from './columns.ts';
import { profileOptions } from './options.ts';
import type { ProfileRow } from './snapshot.ts';

export const profileDescription: Description<ProfileRow> = {
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
};
