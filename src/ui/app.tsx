/** The whole screen: the user's choices, the open tab, and the lines around it. */
import { Box } from 'ink';
import {
	type ReactElement,
	useEffect,
	useLayoutEffect,
	useMemo,
	useReducer,
	useRef,
	useState,
	useSyncExternalStore,
} from 'react';
import type { Term } from '../core/tracer.ts';
import type { Store } from '../history/store.ts';
import { defaultKeymap, type Keymap } from '../options/keymap.ts';
import type { HostInfo } from '../system/local-host.ts';
import type { AppActions } from './actions.ts';
import { axisLine } from './frame/axis.ts';
import { Body, isCovered } from './frame/body.tsx';
import { Footer, type Prompt } from './frame/footer.tsx';
import { bannerLine, headerLines } from './frame/header.ts';
import { helpLines } from './frame/help.tsx';
import { lossesOf } from './frame/losses.ts';
import { costOf } from './frame/own-cost.ts';
import { sourceBadge, sourceHelp } from './frame/source.ts';
import { drawTab, type TabDrawing } from './frame/tab-body.tsx';
import { type ActiveTab, useActiveTab } from './hooks/use-active-tab.ts';
import { useAge } from './hooks/use-age.ts';
import { useBaseline } from './hooks/use-baseline.ts';
import { useDelay } from './hooks/use-delay.ts';
import { useEventStrip } from './hooks/use-event-strip.ts';
import type { FilterInUse } from './hooks/use-filter.ts';
import { useGroups } from './hooks/use-groups.ts';
import { useInput } from './hooks/use-input.ts';
import { findRow } from './hooks/use-rows.ts';
import { useSize } from './hooks/use-size.ts';
import { useViewOptions } from './hooks/use-view-options.ts';
import { chromeOf, isTooSmall, type Layout, layoutOf, type TabParts, tabLayout } from './layout/layout.ts';
import { lensExtent } from './lens/layout.ts';
import { useFocus, useLens } from './lens/use-lens.ts';
import { availableColumns } from './state/columns.ts';
import { reduce } from './state/reduce.ts';
import { initialState, type ScreenModel, type UiState } from './state/state.ts';
import { digitsOf, type TabEntry, type TabTracer } from './tab.ts';
import { EventsContext } from './widgets/events-context.ts';
import { Lines } from './widgets/lines.tsx';

export interface AppProps {
	tabs: readonly TabEntry[];
	initialTab: string;
	/** By tab: sort columns and groupings other than the tracer's. */
	initialSorts?: Readonly<Record<string, string>> | undefined;
	initialGroups?: Readonly<Record<string, string>> | undefined;
	initialFilter?: string | undefined;
	/** For the footer. */
	initialMessage?: string | undefined;
	store: Store;
	host: HostInfo;
	/** Interval at start, s. */
	delay: number;
	keymap?: Keymap | undefined;
	actions: AppActions;
}

function startState({ tabs, initialTab, initialSorts = {}, initialFilter = '', initialMessage }: AppProps): UiState {
	const sorts = tabs.flatMap(({ tracer }) => {
		const column = tracer.columns.find(({ key }) => key === initialSorts[tracer.id]);
		return column ? [[tracer.id, column] as const] : [];
	});
	return { ...initialState(initialTab, Object.fromEntries(sorts), initialFilter), message: initialMessage ?? null };
}

function promptOf({ overlay }: UiState, { error }: FilterInUse): Prompt | null {
	if (overlay?.kind === 'filter') return { ...overlay, error };
	return overlay?.kind === 'search' || overlay?.kind === 'time' ? { ...overlay, error: null, candidates: [] } : null;
}

/** null: one row fills the tab. */
function partsOf({ props, content }: TabDrawing, first: number): TabParts | null {
	const { columns, sort, baseline, rows, selected, detail } = props;
	if (detail && rows[selected] !== undefined) return null;
	const { head, pane } = content;
	return { head: head.length, pane, columns, sort, baseline, count: rows.length, selected, first };
}

/**
 * The table's first row in sight in the frame before: it does not follow from the selection alone. 0 where that table was
 * not on the screen. The second function is to be called with every layout.
 */
function useScroll({ tracer, chosen }: ActiveTab): [first: number, keep: (layout: Layout) => void] {
	const key = `${tracer.id} ${chosen.view}`;
	const last = useRef({ key, first: 0 });
	const keep = (layout: Layout) => {
		last.current = { key, first: layout.tab?.table.first ?? 0 };
	};
	return [last.current.key === key ? last.current.first : 0, keep];
}

/** Terms of the open tab, loaded when its help is opened for the first time. */
function useTerms(open: boolean, tracer: TabTracer<never>): readonly Term[] {
	const [terms, setTerms] = useState<{ of: string; list: readonly Term[] }>({ of: '', list: none });
	useEffect(() => {
		let mounted = true;
		if (!open || !tracer.terms || terms.of === tracer.id) return;
		void tracer.terms().then((list) => {
			if (mounted) setTerms({ of: tracer.id, list });
		});
		return () => {
			mounted = false;
		};
	}, [open, tracer, terms]);
	return terms.of === tracer.id ? terms.list : none;
}

/** Lines of the help; none while it is closed. */
function useHelp(
	open: boolean,
	{ tracer, snapshot, loaded }: ActiveTab,
	tabs: readonly TabEntry[],
	store: Store,
	keymap: Keymap,
	width: number,
): readonly string[] {
	const terms = useTerms(open, tracer);
	return useMemo(() => {
		if (!open) return none;
		const source = sourceHelp(tracer, tabs, (of) => store.current(of));
		const columns = availableColumns(tracer.columns, snapshot);
		return helpLines(tracer, columns, keymap, width, [...source, ...(loaded?.help ?? [])], terms);
	}, [open, tracer, tabs, store, snapshot, keymap, width, loaded, terms]);
}

function modelOf({ snapshot, loaded, table, unit }: ActiveTab, tabs: readonly TabEntry[], layout: Layout): ScreenModel {
	const listed = tabs.filter((one) => !one.tracer.apart);
	return {
		tabs: listed.map(({ tracer }) => tracer.id),
		digits: digitsOf(listed),
		...table.model,
		find: (text, from, step) => findRow(table.rows, table.source, text, from, step),
		unit,
		views: loaded?.views ?? none,
		ownRows: loaded?.lists !== undefined,
		stages: (!table.list && snapshot && loaded?.stages?.(snapshot as never)) || none,
		hasDetail: table.view?.nameOf !== undefined,
		detailFirst: table.view?.detailFirst === true,
		layout,
	};
}

export function App(props: AppProps): ReactElement | null {
	const { tabs, store, host, keymap = defaultKeymap, actions } = props;
	const size = useSize();
	const { columns: width, rows: height } = size;
	const [state, dispatch] = useReducer(reduce, props, startState);
	const say = (message: string) => dispatch({ kind: 'say', message });
	const [delay, changeDelay] = useDelay(props.delay, actions.setInterval);
	const [baseline, toggleBaseline] = useBaseline(tabs, store, say);

	const active = useActiveTab(tabs, store, state, baseline);
	const { tracer, snapshot, table, chosen } = active;
	const { id } = tracer;
	const paused = useSyncExternalStore(store.subscribe, () => store.paused);
	const failure = useSyncExternalStore(store.subscribe, () => store.failure);
	const groups = useGroups(tracer, snapshot?.group, props.initialGroups ?? nothing, actions.setGroup);
	const age = useAge(store, id, delay);
	// biome-ignore lint/correctness/useExhaustiveDependencies: only when another tab is opened
	useEffect(() => actions.setActiveTab(id), [id]);
	useViewOptions(active, actions.tune);
	const process = state.lens?.process ?? null;
	useFocus(process, tabs, actions.tune);

	const tooSmall = isTooSmall(size);
	const [events, strip] = useEventStrip(store, id, width);
	const chrome = chromeOf(height, failure !== null, store.hasAxis, strip !== '');
	const body = { width, height: chrome.body };
	const lens = useLens({
		process,
		from: tracer,
		store,
		inspect: actions.inspect,
		logarithmic: state.logarithmic,
		...body,
	});
	const help = useHelp(state.overlay?.kind === 'help', active, tabs, store, keymap, width);
	const digits = digitsOf(tabs);
	const header = headerLines({
		host,
		tabs: tabs.flatMap(({ tracer: { id, title, apart } }, index) =>
			apart && id !== tracer.id ? [] : [{ id, digit: digits[index] as string, title, state: store.status(id).kind }],
		),
		active: id,
		source: sourceBadge(tracer, (of) => store.current(of)),
		time: snapshot?.time ?? null,
		paused,
		behind: store.behind(id),
		reach: store.reach(id),
		age,
		failure,
		baseline: baseline?.time ?? null,
		delay,
		group: groups.group && (snapshot?.group ?? groups.group),
		width,
		height: store.hasAxis ? 2 : chrome.header,
	});
	const headLines = store.hasAxis ? withAxis(header.lines, store, width, chrome.header) : header.lines;
	const hidden = tooSmall || process !== null || isCovered(state);
	const { logarithmic, band } = state;
	const drawing = useMemo(
		() =>
			hidden
				? null
				: drawTab(
						active,
						{ logarithmic, band, recorded: actions.recorded() },
						keymap,
						baseline,
						(of, mono_ns) => store.at(of, mono_ns),
						{
							width,
							height: chrome.body,
						},
					),
		[hidden, active, logarithmic, band, actions, keymap, baseline, store, width, chrome.body],
	);
	const [first, keepScroll] = useScroll(active);
	const tab = useMemo(() => {
		const parts = drawing && !(drawing instanceof Error) ? partsOf(drawing, first) : null;
		return parts && tabLayout(parts, { width, height: chrome.body });
	}, [drawing, first, width, chrome.body]);
	const layout = layoutOf(
		chrome,
		tooSmall ? none : header.tabs,
		tab,
		help.length,
		lens && !(lens instanceof Error) ? lensExtent(lens, body) : noLens,
	);
	useLayoutEffect(() => keepScroll(layout));

	const screen = modelOf(active, tabs, layout);
	useInput({
		state,
		screen,
		layout,
		context: {
			tabs,
			store,
			keymap,
			actions,
			active,
			groups,
			lens: process,
			overlay: state.overlay !== null,
			changeDelay,
			toggleBaseline,
			say,
			dispatch,
		},
	});

	if (height < 1 || width < 1) return null;
	if (tooSmall) return <Lines lines={['wattlag', `${width}x${height}`, 'too small']} width={width} height={height} />;
	return (
		<Box flexDirection="column" width={width} height={height}>
			<Lines lines={headLines} width={width} height={chrome.header} />
			{failure && <Lines lines={[bannerLine(failure)]} width={width} height={chrome.banner} />}
			<Box height={chrome.body} flexDirection="column" overflow="hidden">
				<EventsContext value={events}>
					<Body
						state={state}
						active={active}
						drawing={drawing}
						lens={lens}
						layout={layout}
						helpLines={help}
						{...body}
					/>
				</EventsContext>
			</Box>
			{chrome.strip > 0 && <Lines lines={[strip]} width={width} height={chrome.strip} />}
			<Footer
				losses={lossesOf(tracer, tabs, (of) => store.current(of))}
				cost={costOf(tabs.filter((one) => !one.tracer.from).map((one) => store.current(one.tracer.id)))}
				selected={table.selected}
				rows={table.rows.length}
				filter={table.filter.text}
				ignored={table.filter.bound.ignored}
				prompt={promptOf(state, table.filter)}
				message={state.message}
				keymap={keymap}
				hints={{
					kind: state.overlay ? 'overlay' : state.lens ? 'lens' : chosen.detail ? 'detail' : 'table',
					groups: tracer.groups.length,
					views: screen.views.length,
					hasDetail: screen.hasDetail,
				}}
				width={width}
				height={chrome.footer}
			/>
		</Box>
	);
}

/** The header of a recording: the machine, the time axis, the tabs; as many as there are rows. */
function withAxis(lines: readonly string[], store: Store, width: number, rows: number): readonly string[] {
	const [machine = '', tabs = ''] = lines;
	if (rows < 3) return rows < 2 ? [tabs] : [machine, tabs];
	const axis = axisLine({
		moments: store.moments(),
		marks: store.marks(),
		events: store.eventMoments(),
		shown: store.shownAt(),
		width,
	});
	return [machine, axis, tabs];
}

const nothing = {};
const none: readonly never[] = [];
const noLens = { lines: 0, page: 1 };
