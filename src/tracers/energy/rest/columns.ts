/** Columns of the causes of wake-ups. */
import type { Column } from '../../../core/tracer.ts';
import type { WakeCauseField } from './rest.ts';

const part = ({ lengths, wakes }: WakeCauseField): number =>
	wakes > 0 ? (lengths[0] + lengths[1]) / wakes : Number.NaN;

export const wakeColumns: readonly Column<WakeCauseField>[] = [
	{
		key: 'wakes',
		title: 'WAKES/s',
		kind: 'rate',
		width: 8,
		priority: 0,
		help: 'Idle periods of CPUs that ended this way, per second.',
		value: ({ wakes }, seconds) => wakes / seconds,
	},
	{
		key: 'mean',
		title: 'IDLE',
		kind: 'ns',
		width: 7,
		priority: 2,
		help: 'Mean length of these idle periods. Short ones do not reach states that save energy.',
		value: ({ idle_ns, wakes }) => (wakes > 0 ? idle_ns / wakes : Number.NaN),
	},
	{
		key: 'short',
		title: '<200µs',
		kind: 'share',
		width: 6,
		priority: 3,
		help: 'Part of these idle periods that was shorter than 200 µs.',
		value: part,
	},
	{
		key: 'wake_uj',
		title: 'EST.',
		kind: 'microjoules',
		width: 7,
		priority: 4,
		help: 'Estimate of the energy that leaving and entering the idle states took: twice the exit latency at the power of a busy CPU, ±100 %.',
		value: ({ wake_uj }) => wake_uj ?? Number.NaN,
	},
	{
		key: 'pid',
		title: 'PID',
		kind: 'pid',
		width: 7,
		priority: 2,
		help: 'Process that ran next; –: none, the CPU went back to idle.',
		value: ({ pid }) => pid || Number.NaN,
	},
	{
		key: 'comm',
		aliases: ['command', 'name'],
		title: 'COMMAND',
		kind: 'text',
		width: 15,
		priority: 1,
		help: 'Name of the process that ran next.',
		value: ({ comm }) => comm,
	},
	{
		key: 'cause',
		title: 'WOKEN BY',
		kind: 'text',
		width: 24,
		grow: true,
		label: true,
		priority: 1,
		help: 'What ended the idle period: line and device, function of a timer, softirq, or the process that woke the task from another CPU.',
		value: ({ cause }) => cause,
	},
];
