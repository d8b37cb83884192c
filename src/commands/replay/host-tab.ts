/** The tab of a guest's replay that has the host beside it. */
import type { Column, Description } from '../../core/tracer.ts';
import { safe } from '../../lib/sanitize.ts';
import { type BesideRow, HOST_TAB } from '../../recording/guest/beside.ts';

export type HostTracer = Pick<
	Description<BesideRow>,
	'id' | 'title' | 'summary' | 'columns' | 'defaultSort' | 'groups' | 'rowKey' | 'terms' | 'options'
>;

const columns: readonly Column<BesideRow>[] = [
	{
		key: 'side',
		title: 'SIDE',
		kind: 'text',
		width: 5,
		priority: 0,
		help: 'host or guest; → is the guest itself on the host',
		value: ({ side, is_guest }) => (is_guest ? safe`host→` : safe`${side as never}`),
	},
	{
		key: 'pid',
		title: 'PID',
		kind: 'pid',
		width: 7,
		priority: 2,
		help: 'process, of that side',
		value: ({ pid }) => pid,
	},
	{
		key: 'comm',
		title: 'COMMAND',
		kind: 'text',
		width: 16,
		label: true,
		priority: 0,
		help: 'name of the process',
		value: ({ comm }) => comm,
	},
	{
		key: 'ran',
		title: 'RAN',
		kind: 'ns',
		width: 8,
		priority: 0,
		help: 'of the host: part of the waiting of the guest’s virtual CPUs during which this process ran; from culprits where they were recorded (record --culprits), else by shares of CPU time',
		value: ({ ran_ns }) => ran_ns ?? Number.NaN,
	},
	{
		key: 'cpu',
		title: 'CPU',
		kind: 'ns',
		width: 8,
		priority: 1,
		help: 'CPU time in the interval, by that side’s clock',
		value: ({ cpu_ns }) => cpu_ns ?? Number.NaN,
	},
	{
		key: 'wait',
		title: 'WAIT',
		kind: 'ns',
		width: 8,
		priority: 1,
		help: 'waits for a CPU in the interval; of the guest itself on the host this is what the guest calls stolen',
		value: ({ wait_ns }) => wait_ns ?? Number.NaN,
	},
	{
		key: 'cgroup',
		title: 'UNIT',
		kind: 'text',
		width: 12,
		grow: true,
		priority: 3,
		help: 'control group of the process',
		value: ({ cgroup }) => cgroup,
	},
];

export const hostTab: HostTracer = {
	id: HOST_TAB,
	title: 'Host',
	summary: 'the guest’s moment on its host: processes that ran while its virtual CPUs waited',
	columns,
	defaultSort: 'ran',
	groups: ['process'],
	options: [],
	rowKey: ({ side, pid, start_time }) => `${side} ${pid} ${start_time}`,
	terms: async () => [
		[
			'stolen',
			'time for which a virtual CPU was ready and the host ran something else, as the guest’s kernel reports it',
		],
		['waited', 'the same time as the host sees it: waits for a CPU of the virtual machine’s threads'],
	],
};
