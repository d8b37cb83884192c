/** The overview: the figures of all tabs for each process, and findings. It measures nothing itself. */

import type { Host, Tracer } from '../../core/tracer.ts';
import { SpaceReader } from '../../system/disk-space.ts';
import { GroupPressureReader } from '../../system/group-pressure.ts';
import { MachineReader } from '../../system/machine.ts';
import { MemoryLimitReader } from '../../system/memory-limits.ts';
import { OwnProcess } from '../../system/pid-namespace.ts';
import { PressureReader } from '../../system/pressure.ts';
import { QuotaReader } from '../../system/quota.ts';
import { overviewDescription } from './description.ts';
import { OverviewSession } from './session.ts';
import type { OverviewExtra, OverviewRow } from './snapshot.ts';
import { TaskReader } from './tasks/reader.ts';

export const overview: Tracer<OverviewRow, OverviewExtra> = {
	...overviewDescription,
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
