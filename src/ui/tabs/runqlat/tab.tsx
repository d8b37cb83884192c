/** Run queue: waits for a CPU by task or group, their distribution, and the tasks that wait now. */
import { formatCount, formatNs, formatShare } from '../../../lib/format.ts';
import { safe } from '../../../lib/sanitize.ts';
import type { Span } from '../../../term/theme.ts';
import type { RunqlatExtra, RunqlatRow, Waiting } from '../../../tracers/runqlat/snapshot.ts';
import type { Area } from '../../layout/split.ts';
import type { TabContent, TabView } from '../../tab.ts';
import { summaryLines } from '../../widgets/panes.tsx';
import { cpuLine } from './cpu-waits.tsx';
import { type Props, views, WaitsPane } from './pane.tsx';

function nameOf({ key }: RunqlatRow) {
	switch (key.kind) {
		case 'all':
			return safe`all tasks`;
		case 'cpu':
			return safe`CPU ${key.id}`;
		case 'cgroup':
			return key.comm;
		default:
			return key.id > 0 ? safe`${key.comm}[${key.id}]` : key.comm;
	}
}

function waitingLine(waiting: readonly Waiting[], count: number): Span[] {
	if (count === 0) return [['dim', 'waiting now: none']];
	const oldest = waiting
		.slice(0, 6)
		.flatMap((task): Span[] => [
			safe`  ${task.comm}[${task.tid}] `,
			['warn', formatNs(task.age_ns)],
			['dim', task.throttled ? ' throttled' : ` cpu${task.cpu}`],
		]);
	return ['waiting now: ', ['strong', formatCount(count)], ...oldest];
}

function allLine(all: RunqlatRow | undefined, { filter, refused }: Pick<RunqlatExtra, 'filter' | 'refused'>): Span[] {
	if (!all) return [];
	return [
		['strong', formatCount(all.count, 7)],
		' waits',
		['dim', '   p50 '],
		formatNs(all.p50_ns),
		['dim', '   p99 '],
		['strong', formatNs(all.p99_ns)],
		['dim', '   max '],
		formatNs(all.max_ns),
		['dim', '   sum '],
		formatNs(all.wait_ns),
		...(filter === '' ? [] : ([' ', ['alert', safe` only ${filter} `]] as Span[])),
		...(refused === '' ? [] : ([' ', ['alert', safe` ${refused} `]] as Span[])),
	];
}

/** Waits by zone: `<10µs 62%`; the row's name at the end, where it may be cut. */
function zonesLine(row: RunqlatRow | undefined, limits: readonly number[]): Span[] {
	if (!row || row.count === 0) return [];
	return [
		['dim', 'zones'],
		...row.zones.flatMap((count, zone): Span[] => {
			const from = limits[zone - 1];
			const to = limits[zone];
			const name =
				to === undefined ? `≥${formatNs(from ?? 0)}` : from === undefined ? `<${formatNs(to)}` : `–${formatNs(to)}`;
			const role = zone === limits.length ? 'bad' : zone === limits.length - 1 ? 'warn' : 'good';
			return [
				['dim', `   ${name} `],
				[count > 0 ? role : 'dim', formatShare(count / row.count)],
			];
		}),
		...(row.key.kind === 'all' ? [] : ([['dim', '   of '], nameOf(row)] as Span[])),
	];
}

function content(props: Props): TabContent<RunqlatRow> {
	const { snapshot, rows, selected, view, width } = props;
	const all = snapshot.rows.find((row) => row.key.kind === 'all');
	const draw = (area: Area, row = all) => <WaitsPane tab={props} row={row} name={row ? nameOf(row) : ''} {...area} />;
	return {
		title: 'Run queue',
		head: summaryLines(
			[
				allLine(all, snapshot),
				waitingLine(snapshot.waiting, snapshot.waiting_count),
				cpuLine(snapshot.cpus, width),
				zonesLine(rows[selected] ?? all, snapshot.zones_ns),
			],
			props,
		),
		empty: 'no task waited for a CPU in this interval',
		pane: views[view] === 'bars' ? { rows: 10, least: 5, draw } : { rows: 30, least: 4, first: true, draw },
	};
}

/** Process of a row; 0: none. */
function pidOf(row: RunqlatRow | undefined): number {
	if (row?.key.kind === 'process') return row.key.id;
	return row?.key.pid ?? 0;
}

export const runqlatTab: TabView<RunqlatRow, RunqlatExtra> = {
	content,
	nameOf,
	views,
	unit: (snapshot) => snapshot.log2_unit_ns,
	listed: (row) => row.key.kind !== 'all',
	narrow(row, { filter }) {
		if (filter !== '') return { pid: 0, comm: '', cgroup: '', cgroup_id: 0 };
		// groups that only v1 has are not known to the kernel's filter
		if (row?.key.kind === 'cgroup') return row.key.id > 0 ? { cgroup_id: row.key.id } : {};
		const pid = pidOf(row);
		return pid > 0 ? { pid } : {};
	},
};
