/** The overview: the figures of all tabs for each process, and findings. It measures nothing itself. */

import type { Column, Host, Tracer } from '../../core/tracer.ts';
import { SpaceReader } from '../../system/disk-space.ts';
import { GroupPressureReader } from '../../system/group-pressure.ts';
import { MachineReader } from '../../system/machine.ts';
import { MemoryLimitReader } from '../../system/memory-limits.ts';
import { OwnProcess } from '../../system/pid-namespace.ts';
import { PressureReader } from '../../system/pressure.ts';
import { QuotaReader } from '../../system/quota.ts';
import { changeColumns } from './changes.ts';
import { columns } from './columns.ts';
import { overviewFold } from './fold.ts';
import { rules } from './rules.ts';
import { OverviewSession } from './session.ts';
import type { OverviewExtra, OverviewRow } from './snapshot.ts';
import { sourceTabs } from './sources.ts';
import { TaskReader } from './tasks/reader.ts';

export const overview: Tracer<OverviewRow, OverviewExtra> = {
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
	terms: [
		[
			'why',
			'the lines on top: at most five findings, worst first, each with figures, owner, begin, and a key that opens the tab and rows that show it; a finding is reported after 1.5 s and ends after 3 s below its limit',
		],
		...rules.map(({ title, help }) => [title, help] as const),
		[
			'PSI',
			'pressure stall information of the kernel: share of the interval in which at least one task was stalled on CPU, memory or IO; –: not supported by this kernel (no CONFIG_PSI, or psi=0)',
		],
	],
	rowKey: ({ pid, start_time, comm, cgroup, user }) => (pid > 0 ? `${pid}:${start_time}` : `${comm}|${cgroup}|${user}`),
	processOf: ({ pid, start_time }) => (pid > 0 ? `${pid}:${start_time}` : undefined),
	focus: (pid) => ({ focus: pid }),
	start: (host: Host, options) => {
		const { procRoot } = host;
		const tasks = TaskReader.of(host);
		tasks.arguments = options['arguments'] === true;
		return new OverviewSession(
			() => host.cpus,
			{
				pressure: new PressureReader(procRoot),
				groups: new GroupPressureReader(procRoot),
				quota: new QuotaReader(procRoot),
				tasks,
				memoryLimits: new MemoryLimitReader(procRoot),
				spaces: new SpaceReader(procRoot),
				machine: new MachineReader(procRoot),
			},
			new OwnProcess(procRoot),
		);
	},
};
