/** Who waits for a CPU, and how long: histogram of waits, ranking, and who is waiting at this moment. */
import type { ReactElement } from 'react';
import { formatCount, formatNs, formatShare } from '../../../lib/format.ts';
import { safe } from '../../../lib/sanitize.ts';
import type { Span } from '../../../term/theme.ts';
import type { RunqlatExtra, RunqlatRow, Waiting } from '../../../tracers/runqlat/snapshot.ts';
import type { TabView } from '../../tab.ts';
import { Panes } from '../../widgets/panes.tsx';
import type { Area } from '../../widgets/split.ts';
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
	if (count === 0) return [['dim', 'waiting now: nobody']];
	const oldest = waiting
		.slice(0, 6)
		.flatMap((task): Span[] => [
			safe`  ${task.comm}[${task.tid}] `,
			['warn', formatNs(task.age_ns)],
			['dim', ` cpu${task.cpu}`],
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

/** Waits by zone, in words: `<10µs 62%`; whose they are at the end, where it may be cut. */
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

function View(props: Props): ReactElement {
	const { snapshot, rows, selected, view } = props;
	const all = snapshot.rows.find((row) => row.key.kind === 'all');
	const draw = (area: Area, row = all) => <WaitsPane tab={props} row={row} name={row ? nameOf(row) : ''} {...area} />;
	return (
		<Panes
			tab={props}
			title="Run queue"
			nameOf={nameOf}
			summary={[
				allLine(all, snapshot),
				waitingLine(snapshot.waiting, snapshot.waiting_count),
				cpuLine(snapshot.cpus, props.width),
				zonesLine(rows[selected] ?? all, snapshot.zones_ns),
			]}
			empty="nobody waited for a CPU in this interval"
			pane={view === 0 ? { rows: 10, least: 5, draw } : { rows: 30, least: 4, first: true, draw }}
		/>
	);
}

/** The process that a row is about. */
function pidOf(row: RunqlatRow | undefined): number {
	if (row?.key.kind === 'process') return row.key.id;
	return row?.key.pid ?? 0;
}

export const runqlatTab: TabView<RunqlatRow, RunqlatExtra> = {
	View,
	nameOf,
	views,
	unit: (snapshot) => snapshot.log2_unit_ns,
	listed: (row) => row.key.kind !== 'all',
	narrow(row, { filter }) {
		if (filter !== '') return { pid: 0, comm: '', cgroup: '', cgroup_id: 0 };
		if (row?.key.kind === 'cgroup') return { cgroup_id: row.key.id };
		const pid = pidOf(row);
		return pid > 0 ? { pid } : {};
	},
};
