/**
 * Energy per process: CPU time of every task (the kernel's own counters through BPF, or `/proc`), and a source of power
 * whose energy is divided by it. Energy that no task used is listed by cause, so that the sum is the total.
 */

import type { Description } from '../../core/tracer.ts';
import { groups } from './accounts.ts';
import { energyColumns } from './columns.ts';
import { energyFold } from './fold.ts';
import { checkEnergyOptions, energyOptions } from './options.ts';
import type { EnergyRow } from './snapshot.ts';

export const energyDescription: Description<EnergyRow> = {
	id: 'energy',
	title: 'Energy',
	summary: 'watts, joules and CPU time of every process; idle energy, drawn even when nothing runs, belongs to none',
	columns: energyColumns,
	defaultSort: 'watts',
	groups: [...groups, ...energyFold.groups, 'cause'],
	fold: energyFold,
	options: energyOptions,
	checkOptions: checkEnergyOptions,
	rowKey: (row) =>
		row.pid > 0 ? `${row.pid}:${row.start_time}:${row.tid ?? ''}` : `${row.comm}|${row.cgroup}|${row.user}`,
	processOf: (row) => (row.pid > 0 ? `${row.pid}:${row.start_time}` : undefined),
	focus: (pid) => ({ focus: pid }),
};
