/** THE list: one line per tracer and its tab. Everything else (options, help, sort keys, batch output) follows from it. */

import type { Tracer } from './core/tracer.ts';
import { energy } from './tracers/energy/tracer.ts';
import { events } from './tracers/events/tracer.ts';
import { io } from './tracers/io/tracer.ts';
import { irq } from './tracers/irq/tracer.ts';
import { overview } from './tracers/overview/tracer.ts';
import { profile } from './tracers/profile/tracer.ts';
import { receive } from './tracers/receive/tracer.ts';
import { runqlat } from './tracers/runqlat/tracer.ts';
import type { TabView } from './ui/tab.ts';

export interface Entry {
	tracer: Tracer<object, object>;
	/** Loaded when the screen needs it: batch output and the sampling worker never do. */
	tab(): Promise<TabView<object, object>>;
}

function entry<Row extends object, Extra extends object>(
	tracer: Tracer<Row, Extra>,
	tab: () => Promise<TabView<Row, Extra>>,
): Entry {
	// each tab gets its own tracer's rows only, which the pair of types above holds
	return { tracer, tab } as unknown as Entry;
}

export const registry: readonly Entry[] = [
	entry(overview, async () => (await import('./ui/tabs/overview/tab.ts')).overviewTab),
	entry(energy, async () => (await import('./ui/tabs/energy/tab.tsx')).energyTab),
	entry(runqlat, async () => (await import('./ui/tabs/runqlat/tab.tsx')).runqlatTab),
	entry(irq, async () => (await import('./ui/tabs/irq/tab.tsx')).irqTab),
	entry(io, async () => (await import('./ui/tabs/io/tab.ts')).ioTab),
	entry(receive, async () => (await import('./ui/tabs/receive/tab.tsx')).receiveTab),
	entry(events, async () => (await import('./ui/tabs/events/tab.tsx')).eventsTab),
	entry(profile, async () => (await import('./ui/tabs/profile/tab.tsx')).profileTab),
];
