/** The overview: the figures of all tabs for each process, and findings. It measures nothing itself. */

import type { Column, Description } from '../../core/tracer.ts';
import { changeColumns } from './changes.ts';
import { columns } from './columns.ts';
import { overviewFold } from './fold.ts';
import type { OverviewRow } from './snapshot.ts';
import { sourceTabs } from './sources.ts';

export const overviewDescription: Description<OverviewRow> = {
	id: 'overview',
	title: 'Overview',
	summary: 'Findings with their causes, and each process with its watts, CPU time, waits, IRQ time and block IO.',
	columns,
	defaultSort: 'watts',
	groups: ['process', ...overviewFold.groups],
	fold: overviewFold,
	changes: changeColumns as readonly Column<object>[],
	options: [
		{
			name: 'arguments',
			type: 'boolean',
			default: false,
			help: 'full command lines, secrets masked (overview; key a)',
		},
	],
	from: sourceTabs,
	terms: async () => (await import('./terms.ts')).terms,
	rowKey: ({ pid, start_time, comm, cgroup, user }) => (pid > 0 ? `${pid}:${start_time}` : `${comm}|${cgroup}|${user}`),
	processOf: ({ pid, start_time }) => (pid > 0 ? `${pid}:${start_time}` : undefined),
	focus: (pid) => ({ focus: pid }),
};
