/** The screen: frame, focus, change of tabs. What a tab shows is the tab's. */
import { Box } from 'ink';
import { type ReactElement, useEffect, useMemo, useReducer, useRef, useState, useSyncExternalStore } from 'react';
import { secondsOf } from '../derive.ts';
import type { Store } from '../store.ts';
import type { Options } from '../tracers/tracer.ts';
import { rowText } from './frame/clipboard.ts';
import { ColumnMenu } from './frame/column-menu.tsx';
import { ErrorBoundary } from './frame/error-boundary.tsx';
import { Footer, type Prompt } from './frame/footer.tsx';
import { clock, Header, type HostInfo } from './frame/header.tsx';
import { Help, helpLines } from './frame/help.tsx';
import { lossesOf } from './frame/losses.ts';
import { costOf } from './frame/own-cost.ts';
import { SortMenu } from './frame/sort-menu.tsx';
import { sourceBadge, sourceHelp } from './frame/source.ts';
import { TabBody } from './frame/tab-body.tsx';
import { useAge } from './hooks/use-age.ts';
import { useDelay } from './hooks/use-delay.ts';
import type { FilterInUse } from './hooks/use-filter.ts';
import { useGroups } from './hooks/use-groups.ts';
import { useKeys } from './hooks/use-keys.ts';
import { findRow } from './hooks/use-rows.ts';
import { useSize } from './hooks/use-size.ts';
import { useTabView } from './hooks/use-tab-view.ts';
import { useTable } from './hooks/use-table.ts';
import { type Command, defaultKeymap, type Keymap, keysOf } from './keymap.ts';
import { Lens } from './lens/lens.tsx';
import type { Inspect } from './lens/use-details.ts';
import { useFocus } from './lens/use-focus.ts';
import { type Baseline, markBaseline } from './state/baseline.ts';
import { availableColumns } from './state/columns.ts';
import { reduce } from './state/reduce.ts';
import { initialState, tabState, type UiState, type View } from './state/state.ts';
import { digitsOf, type TabEntry } from './tab.ts';
import { paint } from './theme.ts';
import { type Hits, HitsContext, targetAt } from './widgets/hit.ts';
import { Lines } from './widgets/lines.tsx';

/** What the screen asks of the program around it. */
export interface AppActions {
	quit(): void;
	suspend(): void;
	redraw(): void;
	/** Seconds. */
	setInterval(seconds: number): void;
	setGroup(tab: string, group: string): void;
	/** A tab is opened, also at the start. */
	look(tab: string): void;
	/** Options of a tracer that change while it runs. */
	tune(tab: string, changes: Options): void;
	/** To the clipboard of the terminal. */
	copy(text: string): void;
	/** Writes all that is kept to a file; resolves with what to tell the user. */
	record(): Promise<string>;
	/** What is known of a process beside its figures. */
	inspect: Inspect;
}

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

/** Snapshots of a jump in time. */
const jump = 30;
/** Rows of one turn of the wheel. */
const wheelRows = 3;

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
	const [delay, changeDelay] = useDelay(props.delay, actions.setInterval);
	const [baseline, setBaseline] = useState<Baseline | null>(null);
	const page = useRef(1);
	const [lensExtent] = useState({ lines: 0, page: 1 });
	const [hits] = useState<Hits>(() => ({ table: null, tabs: [] }));

	const entry = tabs.find((one) => one.tracer.id === state.tab) ?? (tabs[0] as TabEntry);
	const { tracer } = entry;
	const { id } = tracer;
	const view = useTabView(tabs, id);
	const history = useSyncExternalStore(store.subscribe, () => store.history(id));
	const status = useSyncExternalStore(store.subscribe, () => store.status(id));
	const paused = useSyncExternalStore(store.subscribe, () => store.paused);
	const failure = useSyncExternalStore(store.subscribe, () => store.failure);
	const snapshot = history.at(-1);
	const age = useAge(store, id, delay);

	const {
		group,
		next: nextGroup,
		choose: chooseGroup,
	} = useGroups(tracer, snapshot?.group, props.initialGroups ?? none, actions.setGroup);
	// biome-ignore lint/correctness/useExhaustiveDependencies: told when the tab changes, whoever is told
	useEffect(() => actions.look(id), [id]);
	useFocus(state.lens?.process ?? null, tabs, actions.tune);

	const loaded = view && !(view instanceof Error) ? view : undefined;
	const unit = snapshot && loaded?.unit ? (state.unit ?? loaded.unit(snapshot as never)) : null;
	const tab = tabState(state, id);
	const table = useTable(tabs, tracer, loaded, history, state);
	const { list, front, source, available, columns, sort, filter, rows, selected } = table;

	// Chrome goes first when rows are few: a table without hints is more use than hints without a table.
	const headerHeight = height >= 16 ? 2 : height >= 4 ? 1 : 0;
	const footerHeight = height >= 14 ? 2 : height >= 6 ? 1 : 0;
	const bannerHeight = failure && height >= 8 ? 1 : 0;
	const bodyHeight = height - headerHeight - footerHeight - bannerHeight;
	const help = useMemo(
		() =>
			state.overlay?.kind === 'help'
				? helpLines(tracer, availableColumns(tracer.columns, snapshot), keymap, width, [
						...sourceHelp(tracer, tabs, (of) => store.current(of)),
						...(loaded?.help ?? []),
					])
				: [],
		[state.overlay?.kind, tracer, tabs, store, snapshot, keymap, width, loaded],
	);

	const digits = digitsOf(tabs);
	const actionView: View = {
		tabs: tabs.map((one) => one.tracer.id),
		digits,
		...table.view,
		find: (text, from, step) => findRow(rows, source, text, from, step),
		// read when a command comes: the table may have been drawn since
		get page() {
			return page.current;
		},
		unit,
		views: loaded?.views ?? [],
		ownRows: loaded?.lists !== undefined,
		stages: (!list && snapshot && loaded?.stages?.(snapshot as never)) || noStages,
		hasDetail: front?.nameOf !== undefined,
		helpLines: help.length,
		helpPage: Math.max(1, bodyHeight - 1),
		lens: lensExtent,
	};

	const say = (message: string) => dispatch({ kind: 'say', message });

	const toggleBaseline = () => {
		const marked = baseline
			? null
			: markBaseline(
					tabs.map((one) => one.tracer),
					(of) => store.current(of),
				);
		setBaseline(marked);
		if (marked) say(`baseline marked: changes are against ${clock(marked.time)}`);
		else say(baseline ? 'baseline forgotten' : 'nothing to mark yet');
	};

	const copyRow = () => {
		const row = rows[selected];
		if (row === undefined || !snapshot) return say('select a row to copy');
		const text = rowText(columns, row, secondsOf(snapshot));
		actions.copy(text);
		say(`copied (if the terminal allows OSC 52): ${text}`);
	};

	const narrow = () => {
		const row = rows[selected];
		if (!snapshot || !front?.narrow) return say(`${tracer.title} cannot be narrowed down`);
		const changes = front.narrow(row, snapshot as never);
		if (Object.keys(changes).length === 0)
			return say(row ? 'rows like this one cannot be measured alone' : 'select a row first');
		actions.tune(id, changes);
	};

	const toggleFullPath = () => {
		if (!snapshot || !loaded?.fullPath) return say(`${tracer.title} has no full path`);
		const changes = loaded.fullPath(snapshot as never);
		if (Object.keys(changes).length === 0) return say('the full path cannot be measured here');
		actions.tune(id, changes);
		say(`full path ${Object.values(changes).includes(true) ? 'on' : 'off'} from the next interval`);
	};

	const showFinding = (key: string) => {
		const at = keysOf(keymap, 'finding').indexOf(key);
		const link = snapshot && loaded?.links?.(snapshot as never)[at];
		if (!link) return say(`no finding ${key} here`);
		if (link.group !== undefined && link.group !== store.current(link.tab)?.group) chooseGroup(link.tab, link.group);
		const to = tabs.find(({ tracer }) => tracer.id === link.tab);
		if (link.view === undefined || !to) return dispatch({ kind: 'show', link, view: 0 });
		// the names of its views come with what draws it
		void to
			.tab()
			.then(({ views = [] }) =>
				dispatch({ kind: 'show', link, view: Math.max(0, views.indexOf(link.view as string)) }),
			);
	};

	const travel = (steps: number) => {
		store.travel(id, steps);
		if (snapshot && store.current(id)?.mono_ns === snapshot.mono_ns)
			say(steps < 0 ? 'nothing older is kept' : 'this is the newest');
	};

	/** Commands that reach beyond the screen's own state. */
	const outward: Partial<Record<Command, (key: string) => void>> = {
		finding: showFinding,
		quit: actions.quit,
		suspend: actions.suspend,
		redraw: actions.redraw,
		pause: () => store.setPaused(!store.paused),
		live: () => store.setPaused(false),
		'step-back': () => travel(-1),
		'step-forward': () => travel(1),
		'jump-back': () => travel(-jump),
		'jump-forward': () => travel(jump),
		faster: () => changeDelay(-1),
		slower: () => changeDelay(1),
		group: () => {
			if (!state.lens && !nextGroup()) say(`${tracer.title} has one grouping only`);
		},
		baseline: toggleBaseline,
		copy: copyRow,
		narrow,
		'full-path': toggleFullPath,
		record: () => {
			say('writing…');
			void actions.record().then(say);
		},
	};

	const click = (x: number, y: number) => {
		if (state.overlay) return;
		const target = targetAt(hits, x, y, headerHeight + bannerHeight, headerHeight - 1);
		if (state.lens && target?.kind !== 'tab') return;
		if (target?.kind === 'tab') dispatch({ kind: 'go-to', tab: target.id });
		else if (target?.kind === 'sort') dispatch({ kind: 'sort', key: target.key, view: actionView });
		else if (target?.kind === 'row') dispatch({ kind: 'select', index: target.index, view: actionView });
	};

	const wheel = (step: number) => {
		const command = step < 0 ? 'up' : 'down';
		if (state.overlay || state.lens) dispatch({ kind: 'command', command, key: '', view: actionView });
		else dispatch({ kind: 'select', index: selected + step * wheelRows, view: actionView });
	};

	useKeys((key) => {
		const mouse = /^(Click|WheelUp|WheelDown)-(\d+)-(\d+)$/.exec(key);
		if (mouse)
			return mouse[1] === 'Click' ? click(Number(mouse[2]), Number(mouse[3])) : wheel(mouse[1] === 'WheelUp' ? -1 : 1);
		const typing = state.overlay?.kind === 'filter' || state.overlay?.kind === 'search';
		if (typing && key !== 'Ctrl-C' && key !== 'Ctrl-Z') {
			const move = /^(Up|Down|PgUp|PgDn)$/.test(key) ? keymap.commandOf(key) : undefined;
			dispatch(
				move ? { kind: 'command', command: move, key, view: actionView } : { kind: 'text', key, view: actionView },
			);
			return;
		}
		const command = keymap.commandOf(key);
		if (!command) return;
		dispatch({ kind: 'command', command, key, view: actionView });
		// Space shows and hides columns in their menu.
		if (!(command === 'pause' && state.overlay?.kind === 'columns')) outward[command]?.(key);
	});

	if (height < 1 || width < 1) return null;
	if (width < 20 || height < 4) {
		return <Lines lines={['wattlag', `${width}x${height}`, 'too small']} width={width} height={height} />;
	}

	const body = { width, height: bodyHeight };
	hits.table = null;
	return (
		<HitsContext value={hits}>
			<Box flexDirection="column" width={width} height={height}>
				<Header
					host={host}
					tabs={tabs.map((one, index) => ({
						id: one.tracer.id,
						digit: digits[index] as string,
						title: one.tracer.title,
						state: store.status(one.tracer.id).kind,
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
					group={group && (snapshot?.group ?? group)}
					width={width}
					height={headerHeight}
				/>
				{bannerHeight > 0 && failure && (
					<Lines
						lines={[
							paint(
								'alert',
								` sampling failed, figures are old${failure.restarting ? ', starting again' : ''}: ${failure.message}`,
							),
						]}
						width={width}
						height={1}
					/>
				)}
				<Box height={bodyHeight} flexDirection="column" overflow="hidden">
					{state.overlay?.kind === 'help' ? (
						<Help lines={help} offset={state.overlay.offset} {...body} />
					) : state.overlay?.kind === 'sort' ? (
						<SortMenu columns={columns} sort={sort} index={state.overlay.index} {...body} />
					) : state.overlay?.kind === 'columns' ? (
						<ColumnMenu columns={available} choices={actionView.choices} index={state.overlay.index} {...body} />
					) : state.lens ? (
						<ErrorBoundary key="lens" {...body}>
							<Lens
								process={state.lens.process}
								from={tracer}
								store={store}
								inspect={actions.inspect}
								logarithmic={state.logarithmic}
								offset={state.lens.offset}
								extent={lensExtent}
								{...body}
							/>
						</ErrorBoundary>
					) : (
						<ErrorBoundary key={`${id} ${tab.view}`} {...body}>
							<TabBody
								view={view instanceof Error ? view : (front ?? null)}
								status={status}
								summary={tracer.summary}
								{...body}
							>
								{(View) =>
									snapshot && (
										<View
											columns={columns}
											allColumns={available}
											snapshot={snapshot as never}
											history={history as never}
											rows={rows}
											sort={sort}
											selected={selected}
											detail={tab.detail}
											rowKey={source.rowKey}
											filtered={filter.text !== '' || state.band !== null}
											baseline={list ? null : ((baseline?.tabs.get(id) as never) ?? null)}
											logarithmic={state.logarithmic}
											unit={unit ?? 1}
											band={state.band}
											view={tab.view}
											stage={tab.stage}
											keymap={keymap}
											page={page}
											{...body}
										/>
									)
								}
							</TabBody>
						</ErrorBoundary>
					)}
				</Box>
				<Footer
					losses={lossesOf(tracer, tabs, (of) => store.current(of))}
					cost={costOf(tabs.filter((one) => !one.tracer.from).map((one) => store.current(one.tracer.id)))}
					selected={selected}
					rows={rows.length}
					filter={filter.text}
					ignored={filter.bound.ignored}
					prompt={promptOf(state, filter)}
					message={state.message}
					keymap={keymap}
					front={{
						kind: state.overlay ? 'overlay' : state.lens ? 'lens' : tab.detail ? 'detail' : 'table',
						groups: tracer.groups.length,
						views: actionView.views.length,
						hasDetail: actionView.hasDetail,
					}}
					width={width}
					height={footerHeight}
				/>
			</Box>
		</HitsContext>
	);
}

const noStages: readonly string[] = [];
const none: Readonly<Record<string, string>> = {};
