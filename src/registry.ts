/** THE list: one entry per tracer and its tab. Everything else (options, help, sort keys, batch output) follows from it. */

import type { Description, Tracer } from './core/tracer.ts';
import { energyDescription } from './tracers/energy/description.ts';
import { eventsDescription } from './tracers/events/description.ts';
import { ioDescription } from './tracers/io/description.ts';
import { irqDescription } from './tracers/irq/description.ts';
import { overviewDescription } from './tracers/overview/description.ts';
import { profileDescription } from './tracers/profile/description.ts';
import { receiveDescription } from './tracers/receive/description.ts';
import { runqlatDescription } from './tracers/runqlat/description.ts';
import type { TabView } from './ui/tab.ts';

export interface Entry {
	tracer: Description<object>;
	/** Loaded where something is sampled: the thread that draws never does. */
	load(): Promise<Tracer<object, object>>;
	/** Loaded when the screen needs it: batch output and the sampling worker never do. */
	tab(): Promise<TabView<object, object>>;
}

function entry<Row extends object, Extra extends object>(
	tracer: Description<Row>,
	load: () => Promise<Tracer<Row, Extra>>,
	tab: () => Promise<TabView<Row, Extra>>,
): Entry {
	// each tab gets its own tracer's rows only, which the types above hold
	return { tracer, load, tab } as unknown as Entry;
}

export const registry: readonly Entry[] = [
	entry(
		overviewDescription,
		async () => (await import('./tracers/overview/tracer.ts')).overview,
		async () => (await import('./ui/tabs/overview/tab.ts')).overviewTab,
	),
	entry(
		energyDescription,
		async () => (await import('./tracers/energy/tracer.ts')).energy,
		async () => (await import('./ui/tabs/energy/tab.tsx')).energyTab,
	),
	entry(
		runqlatDescription,
		async () => (await import('./tracers/runqlat/tracer.ts')).runqlat,
		async () => (await import('./ui/tabs/runqlat/tab.tsx')).runqlatTab,
	),
	entry(
		irqDescription,
		async () => (await import('./tracers/irq/tracer.ts')).irq,
		async () => (await import('./ui/tabs/irq/tab.tsx')).irqTab,
	),
	entry(
		ioDescription,
		async () => (await import('./tracers/io/tracer.ts')).io,
		async () => (await import('./ui/tabs/io/tab.ts')).ioTab,
	),
	entry(
		receiveDescription,
		async () => (await import('./tracers/receive/tracer.ts')).receive,
		async () => (await import('./ui/tabs/receive/tab.tsx')).receiveTab,
	),
	entry(
		eventsDescription,
		async () => (await import('./tracers/events/tracer.ts')).events,
		async () => (await import('./ui/tabs/events/tab.tsx')).eventsTab,
	),
	entry(
		profileDescription,
		async () => (await import('./tracers/profile/tracer.ts')).profile,
		async () => (await import('./ui/tabs/profile/tab.tsx')).profileTab,
	),
];

/** The tracers with these ids, in this order. */
export function loadTracers(ids: readonly string[]): Promise<Tracer<object, object>[]> {
	return Promise.all(
		ids.map((id) => {
			const found = registry.find(({ tracer }) => tracer.id === id);
			if (!found) throw new Error(`no tracer ${id}`);
			return found.load();
		}),
	);
}
