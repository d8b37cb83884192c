/** Disk IO: time of requests stage by stage, slow requests one by one, and requests in flight. */

import type { Options } from '../../../core/tracer.ts';
import { IO_PATH } from '../../../tracers/io/path.ts';
import type { IoExtra, IoRow } from '../../../tracers/io/snapshot.ts';
import type { TabView } from '../../tab.ts';
import { help } from './help.ts';
import { inFlightList } from './in-flight.ts';
import { narrowTo } from './narrow.ts';
import { slowList } from './slow.tsx';
import { nameOf, stagesContent } from './stages.tsx';
import { type View, views } from './summary.ts';

/** The narrowest filter for a row. */
function filterOf(row: IoRow | undefined): Options | undefined {
	if (!row) return undefined;
	if (row.pid !== undefined) return row.pid > 0 ? { pid: row.pid } : undefined;
	if (row.dev !== '') return { device: row.device };
	return row.cgroup === undefined || row.cgroup === '' ? undefined : { cgroup: row.cgroup };
}

export const ioTab: TabView<IoRow, IoExtra> = {
	content: stagesContent,
	nameOf,
	views,
	lists: { slow: slowList, 'in flight': inFlightList } satisfies Partial<Record<View, unknown>> as never,
	stages: ({ full_path }) => [
		...IO_PATH.stages.filter(({ depth }) => depth === 'block' || full_path.state === 'on').map(({ name }) => name),
		'total',
	],
	buckets: (row, stage) => row.stages[stage ?? 'total']?.buckets,
	narrow: (row, snapshot) => narrowTo(filterOf(row), snapshot),
	fullPath: ({ full_path }): Options =>
		full_path.state === 'unavailable' ? {} : { 'full-path': full_path.state !== 'on' },
	help,
};
