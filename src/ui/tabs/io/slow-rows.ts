/** Slow requests as rows of a table. */

import type { Snapshot } from '../../../core/snapshot.ts';
import { formatCount, formatDuration, formatNs } from '../../../lib/format.ts';
import { safe, sanitize } from '../../../lib/sanitize.ts';
import type { Ns } from '../../../lib/units.ts';
import type { IoExtra, IoRow, SlowRequest } from '../../../tracers/io/snapshot.ts';
import type { TableColumn } from '../../tab.ts';
import { textColumn } from '../../widgets/text-column.ts';
import { stackedBar } from './stage-marks.ts';
import { slowCounts } from './summary.ts';

type IoSnapshot = Snapshot<IoRow, IoExtra>;

export interface SlowRow extends SlowRequest {
	/** Since its completion. */
	ago_ns: Ns;
	/** From its first stage to its last. */
	whole_ns: Ns;
}

export function rowsOfSlow(snapshot: Pick<IoSnapshot, 'mono_ns'>, slow: readonly SlowRequest[]): readonly SlowRow[] {
	return slow.map((request) => {
		const last = request.waterfall.at(-1);
		const whole_ns = last ? last.at_ns + last.ns : (request.stages.total ?? 0);
		return { ...request, ago_ns: Math.max(0, snapshot.mono_ns - request.mono_ns), whole_ns };
	});
}

export function slowKey({ mono_ns, device, sector, tid }: SlowRow): string {
	return `${mono_ns} ${device} ${sector} ${tid}`;
}

export function slowNameOf({ op, partition, comm, pid }: SlowRow) {
	return safe`${op} ${partition} ${comm}[${pid}]`;
}

/** The threshold and the time covered, above a list of `listed` requests; `order` names its order. */
export function slowHeading(snapshot: IoSnapshot, history: readonly IoSnapshot[], listed: number, order = ''): string {
	const { suppressed, seconds } = slowCounts(history);
	const over = formatNs(snapshot.slow_threshold_ns);
	const span = formatDuration(Math.round(seconds));
	const more = suppressed > 0 ? `; ${formatCount(suppressed)} more not recorded` : '';
	if (listed === 0) return `no request over ${over} in the last ${span}${more}`;
	return `requests over ${over} in the last ${span}${order}${more}`;
}

const text = textColumn<SlowRow>;

export const slowColumns: readonly TableColumn<SlowRow>[] = [
	{
		key: 'ago',
		title: 'AGO',
		kind: 'ns',
		width: 6,
		priority: 2,
		smallestFirst: true,
		help: 'Since it completed.',
		value: (row) => row.ago_ns,
	},
	{
		key: 'time',
		title: 'TIME',
		kind: 'ns',
		width: 6,
		priority: 0,
		help: 'From its first stage to its last.',
		value: (row) => row.whole_ns,
	},
	{
		key: 'stages',
		title: 'STAGES',
		kind: 'ns',
		width: 16,
		priority: 1,
		grow: true,
		help: 'Its time by stage, each letter a part of it (f fs, r request, p plug, q queue, d device, w wake, e return). Sorted by the time in the device.',
		value: (row) => row.stages.device ?? 0,
		draw: (row, width) => stackedBar(row.waterfall, width),
	},
	text('op', 'OP', 6, 3, 'Operation.'),
	text('partition', 'DEVICE', 8, 5, 'Partition, or disk, that it was sent to.'),
	{
		key: 'bytes',
		title: 'BYTES',
		kind: 'bytes',
		width: 6,
		priority: 8,
		help: 'Size.',
		value: (row) => row.bytes,
	},
	{
		key: 'pid',
		title: 'PID',
		kind: 'pid',
		width: 7,
		priority: 6,
		help: 'Process it belongs to, in the initial pid namespace; 0: unknown.',
		value: (row) => row.pid,
	},
	text('comm', 'COMMAND', 12, 4, 'Name of the task it belongs to.', true),
	text('file', 'FILE', 16, 7, 'Its file; empty: none (journal, metadata of the file system, a raw device).', true),
	text('owner', 'OWNER', 9, 9, 'How the owner is known, see the terms.'),
	{
		key: 'flags',
		title: 'FLAGS',
		kind: 'text',
		width: 10,
		priority: 10,
		help: 'Flags of the kernel: sync (a task waits), meta (metadata), rahead (read-ahead), background (write-back).',
		value: ({ flags }) => (flags.length > 0 ? sanitize(flags.join(' ')) : safe`async`),
	},
	text('cgroup', 'CGROUP', 20, 11, 'Control group of its owner.', true),
	{
		key: 'tid',
		title: 'TID',
		kind: 'pid',
		width: 7,
		priority: 12,
		help: 'Thread it belongs to.',
		value: (row) => row.tid,
	},
	{
		key: 'sector',
		title: 'SECTOR',
		kind: 'pid',
		width: 11,
		priority: 13,
		help: 'Position on the disk, in sectors of 512 bytes.',
		value: (row) => row.sector,
	},
];
