/** Events lost since start: by cause for the open tab, by tab for the others. */

import type { Snapshot } from '../../core/snapshot.ts';
import { formatCount } from '../../lib/format.ts';
import type { Count } from '../../lib/units.ts';
import type { Span } from '../../term/theme.ts';
import type { TabEntry } from '../tab.ts';

/** Causes, then titles of other tabs; counts above 0 only. */
export type Losses = readonly (readonly [name: string, count: Count])[];

const total = (counts: readonly Count[]) => counts.reduce((sum, count) => sum + count, 0);

/** A tab made of others reports their losses itself. */
export function lossesOf(
	open: TabEntry['tracer'],
	tabs: readonly TabEntry[],
	current: (tab: string) => Snapshot | undefined,
): Losses {
	const others = tabs.filter(({ tracer: { id, from } }) => !from && id !== open.id && !open.from?.includes(id));
	// its causes are those tabs
	const titles = new Map(open.from && tabs.map(({ tracer }) => [tracer.id, tracer.title] as const));
	return [
		...Object.entries(current(open.id)?.lost ?? {}).map(([name, count]) => [titles.get(name) ?? name, count] as const),
		...others.map(({ tracer }) => [tracer.title, total(Object.values(current(tracer.id)?.lost ?? {}))] as const),
	].filter(([, count]) => count > 0);
}

/** `stats_full` → `table full (stats)`: events of keys that found no room. */
function causeText(name: string): string {
	const [, table] = /^(.+)_full$/.exec(name) ?? [];
	return table === undefined || table === 'ring' ? name : `table full (${table})`;
}

export function lostSpans(losses: Losses, named: boolean): Span[] {
	if (losses.length === 0) return [['dim', 'lost 0']];
	const words = named
		? losses.map(([name, count]) => `${causeText(name)} ${formatCount(count)}`).join(', ')
		: formatCount(total(losses.map(([, count]) => count)));
	return [['bad', `lost ${words}`]];
}
