/** The screen: what the user has chosen, what is in front, and what stands around it. */
import { Box } from 'ink';
import { type ReactElement, useEffect, useMemo, useReducer, useRef, useState, useSyncExternalStore } from 'react';
import type { Store } from '../history/store.ts';
import { defaultKeymap, type Keymap } from '../options/keymap.ts';
import type { HostInfo } from '../system/local-host.ts';
import type { AppActions } from './actions.ts';
import { outwardCommands } from './commands.ts';
import { Banner } from './frame/banner.tsx';
import { Body } from './frame/body.tsx';
import { chromeOf } from './frame/chrome.ts';
import { Footer, type Prompt } from './frame/footer.tsx';
import { Header } from './frame/header.tsx';
import { helpLines } from './frame/help.tsx';
import { lossesOf } from './frame/losses.ts';
import { costOf } from './frame/own-cost.ts';
import { sourceBadge, sourceHelp } from './frame/source.ts';
import { useAge } from './hooks/use-age.ts';
import { useBaseline } from './hooks/use-baseline.ts';
import { useDelay } from './hooks/use-delay.ts';
import type { FilterInUse } from './hooks/use-filter.ts';
import { useFront } from './hooks/use-front.ts';
import { useGroups } from './hooks/use-groups.ts';
import { useInput } from './hooks/use-input.ts';
import { findRow } from './hooks/use-rows.ts';
import { useSize } from './hooks/use-size.ts';
import { useFocus } from './lens/use-focus.ts';
import { availableColumns } from './state/columns.ts';
import { reduce } from './state/reduce.ts';
import { initialState, type UiState, type View } from './state/state.ts';
import { digitsOf, type TabEntry } from './tab.ts';
import { type Hits, HitsContext, targetAt } from './widgets/hit.ts';
import { Lines } from './widgets/lines.tsx';

export interface AppProps {
	tabs: readonly TabEntry[];
	initialTab: string;
	/** By tab: columns to sort by and groups other than the tracer's own. */
	initialSorts?: Readonly<Record<string, string>> | undefined;
	initialGroups?: Readonly<Record<string, string>> | undefined;
	initialFilter?: string | undefined;
	/** Said at first. */
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
	return overlay?.kind === 'search' ? { ...overlay, error: null, candidates: [] } : null;
}

export function App(props: AppProps): ReactElement | null {
	const { tabs, store, host, keymap = defaultKeymap, actions } = props;
	const { columns: width, rows: height } = useSize();
	const [state, dispatch] = useReducer(reduce, props, startState);
	const say = (message: string) => dispatch({ kind: 'say', message });
	const [delay, changeDelay] = useDelay(props.delay, actions.setInterval);
	const [baseline, toggleBaseline] = useBaseline(tabs, store, say);
	// told while drawing, read when a command comes
	const page = useRef(1);
	const [lensExtent] = useState({ lines: 0, page: 1 });
	const [hits] = useState<Hits>(() => ({ table: null, tabs: [] }));

	const front = useFront(tabs, store, state);
	const { tracer, snapshot, loaded, table, chosen, unit } = front;
	const { id } = tracer;
	const paused = useSyncExternalStore(store.subscribe, () => store.paused);
	const failure = useSyncExternalStore(store.subscribe, () => store.failure);
	const groups = useGroups(tracer, snapshot?.group, props.initialGroups ?? nothing, actions.setGroup);
	const age = useAge(store, id, delay);
	// biome-ignore lint/correctness/useExhaustiveDependencies: told when the tab changes, whoever is told
	useEffect(() => actions.setActiveTab(id), [id]);
	useFocus(state.lens?.process ?? null, tabs, actions.tune);

	const chrome = chromeOf(height, failure !== null);
	const helping = state.overlay?.kind === 'help';
	const help = useMemo(
		() =>
			helping
				? helpLines(tracer, availableColumns(tracer.columns, snapshot), keymap, width, [
						...sourceHelp(tracer, tabs, (of) => store.current(of)),
						...(loaded?.help ?? []),
					])
				: none,
		[helping, tracer, tabs, store, snapshot, keymap, width, loaded],
	);
	const digits = digitsOf(tabs);
	const view: View = {
		tabs: tabs.map((one) => one.tracer.id),
		digits,
		...table.view,
		find: (text, from, step) => findRow(table.rows, table.source, text, from, step),
		get page() {
			return page.current;
		},
		unit,
		views: loaded?.views ?? none,
		ownRows: loaded?.lists !== undefined,
		stages: (!table.list && snapshot && loaded?.stages?.(snapshot as never)) || none,
		hasDetail: table.front?.nameOf !== undefined,
		helpLines: help.length,
		helpPage: Math.max(1, chrome.body - 1),
		lens: lensExtent,
	};
	const outward = outwardCommands({
		tabs,
		store,
		keymap,
		actions,
		front,
		groups,
		lens: state.lens !== null,
		changeDelay,
		toggleBaseline,
		say,
		dispatch,
	});
	useInput({
		state,
		view,
		keymap,
		outward,
		dispatch,
		targetAt: (x, y) => targetAt(hits, x, y, chrome.header + chrome.banner, chrome.header - 1),
	});

	if (height < 1 || width < 1) return null;
	if (width < 20 || height < 4) {
		return <Lines lines={['wattlag', `${width}x${height}`, 'too small']} width={width} height={height} />;
	}
	hits.table = null;
	return (
		<HitsContext value={hits}>
			<Box flexDirection="column" width={width} height={height}>
				<Header
					host={host}
					tabs={tabs.map(({ tracer: { id, title } }, index) => ({
						id,
						digit: digits[index] as string,
						title,
						state: store.status(id).kind,
					}))}
					active={id}
					source={sourceBadge(tracer, (of) => store.current(of))}
					time={snapshot?.time ?? null}
					paused={paused}
					behind={store.behind(id)}
					age={age}
					failure={failure}
					baseline={baseline?.time ?? null}
					delay={delay}
					group={groups.group && (snapshot?.group ?? groups.group)}
					width={width}
					height={chrome.header}
				/>
				{failure && <Banner {...failure} width={width} height={chrome.banner} />}
				<Box height={chrome.body} flexDirection="column" overflow="hidden">
					<Body
						state={state}
						front={front}
						store={store}
						keymap={keymap}
						baseline={baseline}
						inspect={actions.inspect}
						helpLines={help}
						page={page}
						lensExtent={lensExtent}
						width={width}
						height={chrome.body}
					/>
				</Box>
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
					front={{
						kind: state.overlay ? 'overlay' : state.lens ? 'lens' : chosen.detail ? 'detail' : 'table',
						groups: tracer.groups.length,
						views: view.views.length,
						hasDetail: view.hasDetail,
					}}
					width={width}
					height={chrome.footer}
				/>
			</Box>
		</HitsContext>
	);
}

const nothing = {};
const none: readonly never[] = [];
