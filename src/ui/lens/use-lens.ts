/** The lens of a process: its past in all tabs and its facts in `/proc`, as text. */
import { useEffect, useMemo, useRef, useSyncExternalStore } from 'react';
import type { Options } from '../../core/tracer.ts';
import { withLazyRows } from '../../history/archive.ts';
import type { Store } from '../../history/store.ts';
import { processId } from '../../system/process-id.ts';
import { attempt } from '../frame/error-boundary.tsx';
import type { Area } from '../layout/split.ts';
import type { TabEntry } from '../tab.ts';
import { useDraw } from '../widgets/time-chart.tsx';
import { type Histories, lensTabs } from './context.ts';
import { identityLines } from './identity.ts';
import { detailColumns, figureLines, inOrder, type LensContent } from './layout.ts';
import { crumbOf } from './lens.tsx';
import { type Seen, subjectOf } from './subject.ts';
import { type Inspect, useDetails } from './use-details.ts';

export interface LensOptions extends Area {
	/** `pid:start`; null: the lens is closed. */
	process: string | null;
	/** The open tab. */
	from: { id: string; title: string };
	store: Store;
	inspect: Inspect;
	logarithmic: boolean;
}

/** When the figures shown were measured, ms since 1970. */
function momentOf(histories: Histories): number {
	const last = lensTabs.map((tab) => histories[tab].at(-1)).find((snapshot) => snapshot !== undefined);
	return last ? Date.parse(last.time) : Date.now();
}

const unchanged = () => 0;

/** The past of the process in all tabs, up to its exit. null: the lens is closed. */
function useSubject(store: Store, process: string | null) {
	const version = useSyncExternalStore(store.subscribe, process === null ? unchanged : store.version);
	const seen = useRef<Seen | null>(null);
	// biome-ignore lint/correctness/useExhaustiveDependencies: the version changes with the store
	const found = useMemo(() => {
		if (process === null) return null;
		const all = Object.fromEntries(
			lensTabs.map((tab) => [tab, store.history(tab).map(withLazyRows)]),
		) as unknown as Histories;
		return attempt(() => subjectOf(process, all, seen.current));
	}, [store, version, process]);
	useEffect(() => {
		seen.current = found instanceof Error ? null : (found?.seen ?? null);
	}, [found]);
	return found;
}

/** null: closed. An error is returned: it is shown in the lens's area. */
export function useLens(options: LensOptions): LensContent | Error | null {
	const { process, from, store, inspect, logarithmic, width, height } = options;
	const found = useSubject(store, process);
	const details = useDetails(inspect, process);
	const chart = useDraw(process !== null);
	const behind = process === null ? 0 : store.behind('energy');
	const past = behind > 0;
	const tall = height >= 36;
	const sections = useMemo(() => {
		if (process === null || found === null || found instanceof Error) return null;
		const { histories } = found;
		const exited = details.gone || found.subject.exit !== null;
		const context = { process: processId(process), histories, logarithmic, past, exited, width, tall, chart };
		const order = inOrder(from.id);
		return attempt(() => ({ figures: figureLines(order, context), columns: detailColumns(order, context) }));
	}, [process, found, logarithmic, past, details.gone, width, tall, chart, from.id]);
	if (found instanceof Error) return found;
	if (sections instanceof Error) return sections;
	if (process === null || found === null || sections === null) return null;
	return {
		...sections,
		identity: identityLines(details, momentOf(found.histories), behind, width),
		crumb: crumbOf(from.title, processId(process), found.subject, details.gone, past),
	};
}

/** Tracers keep more about the process while the lens is open. */
export function useFocus(
	process: string | null,
	tabs: readonly TabEntry[],
	tune: (tab: string, changes: Options) => void,
): void {
	// biome-ignore lint/correctness/useExhaustiveDependencies: a new `tune` is no reason to send the options again
	useEffect(() => {
		if (process === null) return;
		const focus = (pid: number) => {
			for (const { tracer } of tabs) if (tracer.focus) tune(tracer.id, tracer.focus(pid));
		};
		focus(processId(process).pid);
		return () => focus(0);
	}, [process, tabs]);
}
