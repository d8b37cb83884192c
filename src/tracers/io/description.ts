/** Block IO: time of requests by stage, and the processes they belong to. */

import type { Description } from '../../core/tracer.ts';
import { columns } from './columns.ts';
import { processFold } from './fold.ts';
import { ioOptions } from './options.ts';
import type { IoRow } from './snapshot.ts';

export const ioDescription: Description<IoRow> = {
	id: 'io',
	title: 'Disk IO',
	summary:
		'Block requests by device and operation, or by process: rate, bytes, and the time in each stage; slow requests and requests in flight one by one.',
	columns,
	defaultSort: 'iops',
	groups: ['operation', 'device', 'flags', 'process', ...processFold.groups],
	fold: processFold,
	options: ioOptions,
	rowKey: ({ dev, op, flags, pid, start_time, cgroup }) =>
		`${dev} ${op} ${flags ?? ''} ${pid ?? cgroup ?? ''} ${start_time ?? ''}`,
	processOf: ({ pid, start_time }) => (pid === undefined ? undefined : `${pid}:${start_time}`),
};
