/** Disk IO: where requests spend their time, stage by stage, the slow ones by name, and those on their way. */

import type { Options } from '../../../core/tracer.ts';
import { IO_PATH } from '../../../tracers/io/path.ts';
import type { IoExtra, IoRow } from '../../../tracers/io/snapshot.ts';
import type { TabView } from '../../tab.ts';
import { help } from './help.ts';
import { inFlightList } from './in-flight.tsx';
import { narrowTo } from './narrow.ts';
import { slowList } from './slow.tsx';
import { nameOf, StagesView } from './stages.tsx';
import { views } from './summary.ts';

/** The most telling of what a row stands for. */
function whatIs(row: IoRow | undefined): Options | undefined {
	if (!row) return undefined;
	if (row.pid !== undefined) return row.pid > 0 ? { pid: row.pid } : undefined;
	if (row.dev !== '') return { device: row.device };
	return row.cgroup === undefined || row.cgroup === '' ? undefined : { cgroup: row.cgroup };
}

export const ioTab: TabView<IoRow, IoExtra> = {
	View: StagesView,
	nameOf,
	views,
	lists: { slow: slowList as never, 'in flight': inFlightList as never },
	stages: ({ full_path }) => [
		...IO_PATH.stages.filter(({ depth }) => depth === 'block' || full_path.state === 'on').map(({ name }) => name),
		'total',
	],
	buckets: (row, stage) => row.stages[stage ?? 'total']?.buckets,
	narrow: (row, snapshot) => narrowTo(whatIs(row), snapshot),
	fullPath: ({ full_path }): Options =>
		full_path.state === 'unavailable' ? {} : { 'full-path': full_path.state !== 'on' },
	help,
};
