/** The screen: frame, focus, change of tabs. What a tab shows is the tab's. */
import { Box } from 'ink';
import { type ReactElement, useEffect, useMemo, useReducer, useRef, useState, useSyncExternalStore } from 'react';
import { secondsOf } from '../derive.ts';
import { offeredNames } from '../filter/names.ts';
import type { Snapshot } from '../snapshot.ts';
import type { Store } from '../store.ts';
import type { Options } from '../tracers/tracer.ts';
import { type Baseline, markBaseline } from './baseline.ts';
import { rowText } from './clipboard.ts';
import { ColumnMenu } from './column-menu.tsx';
import { choicesOf, shownColumns } from './columns.ts';
import { ErrorBoundary } from './error-boundary.tsx';
import { Footer, type OwnCost, type Prompt } from './footer.tsx';
import { clock, Header, type HostInfo } from './header.tsx';
import { Help, helpLines } from './help.tsx';
import { type Hits, HitsContext, targetAt } from './hit.ts';
import { type Command, defaultKeymap, type Keymap, keysOf } from './keymap.ts';
import { Lines } from './lines.tsx';
import { Notice } from './notice.tsx';
import { SortMenu } from './sort-menu.tsx';
import { initialState, reduce, selectedIndex, sortOf, tabState, type UiState, type View } from './state.ts';
import { digitsOf, type TabEntry, type TabView } from './tab.ts';
import { paint } from './theme.ts';
import { type FilterInUse, useFilter } from './use-filter.ts';
import { useKeys } from './use-keys.ts';
import { findRow, rowsInBand, useRows } from './use-rows.ts';
import { useSize } from './use-size.ts';
import { type LoadedView, useTabView } from './use-tab-view.ts';

/** What the screen asks of the program around it. */
export interface AppActions {
	quit(): void;
	suspend(): void;
	redraw(): void;
	/** Seconds. */
	setInterval(seconds: number): void;
	setGroup(tab: string, group: string): void;
	/** Options of a tracer that change while it runs. */
	tune(tab: string, changes: Options): void;
	/** To the clipboard of the terminal. */
	copy(text: string): void;
}

export interface AppProps {
	tabs: readonly TabEntry[];
	initialTab: string;
	/** By tab: columns to sort by and groups other than the tracer's own. */
	initialSorts?: Readonly<Record<string, string>> | undefined;
	initialGroups?: Readonly<Record<string, string>> | undefined;
	initialFilter?: string | undefined;
	store: Store;
	host: HostInfo;
	/** Interval at start, s. */
	delay: number;
	keymap?: Keymap | undefined;
	actions: AppActions;
}

/** Intervals that + and - go through, s. */
const delays = [0.25, 0.5, 1, 2, 3, 5, 10, 30, 60];
/** Snapshots of a jump in time. */
const jump = 30;
/** Rows of one turn of the wheel. */
const wheelRows = 3;

function startState({ tabs, initialTab, initialSorts = {}, initialFilter = '' }: AppProps): UiState {
	const sorts = tabs.flatMap(({ tracer }) => {
		const column = tracer.columns.find(({ key }) => key === initialSorts[tracer.id]);
		return column ? [[tracer.id, column] as const] : [];
	});
	return initialState(initialTab, Object.fromEntries(sorts), initialFilter);
}

function costOf(snapshots: readonly (Snapshot | undefined)[]): OwnCost | null {
	let cost: OwnCost | null = null;
	for (const snapshot of snapshots) {
		if (!snapshot || !(snapshot.dt_ns > 0)) continue;
		const bpf: number = (cost?.bpf ?? 0) + snapshot.cost.bpf_ns / snapshot.dt_ns;
		cost = { bpf, cpu: snapshot.cost.cpu_ns / snapshot.dt_ns, rssBytes: snapshot.cost.rss_bytes };
	}
	return cost;
}

function promptOf({ overlay }: UiState, { error }: FilterInUse): Prompt | null {
	if (overlay?.kind === 'filter') return { ...overlay, error };
	return overlay?.kind === 'search' ? { ...overlay, error: null, candidates: [] } : null;
}

export function App(props: AppProps): ReactElement | null {
	const { tabs, store, host, keymap = defaultKeymap, actions } = props;
	const { columns: width, rows: height } = useSize();
	const [state, dispatch] = useReducer(reduce, props, startState);
	const [delay, setDelay] = useState(props.delay);
	const [groups, setGroups] = useState(props.initialGroups ?? {});
	const [baseline, setBaseline] = useState<Baseline | null>(null);
	const page = useRef(1);
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

	const loaded = view && !(view instanceof Error) ? view : undefined;
	const tab = tabState(state, id);
	const sort = sortOf(state, id, tracer.columns, tracer.defaultSort);
	const columns = useMemo(() => shownColumns(tracer.columns, tab.columns), [tracer, tab.columns]);
	const filter = useFilter(state.filter, tabs, tracer);
	const all = useRows(snapshot, tracer, loaded?.listed, filter.bound.test, sort);
	const rows = useMemo(() => rowsInBand(all, state.band), [all, state.band]);
	const keys = useMemo(() => rows.map((row) => tracer.rowKey(row)), [rows, tracer]);
	const processAt = (index: number) => (index in rows ? tracer.processOf?.(rows[index] as never) : undefined);
	const selected = selectedIndex(tab, keys, processAt);

	// Chrome goes first when rows are few: a table without hints is more use than hints without a table.
	const headerHeight = height >= 16 ? 2 : height >= 4 ? 1 : 0;
	const footerHeight = height >= 14 ? 2 : height >= 6 ? 1 : 0;
	const bannerHeight = failure && height >= 8 ? 1 : 0;
	const bodyHeight = height - headerHeight - footerHeight - bannerHeight;
	const help = useMemo(
		() => (state.overlay?.kind === 'help' ? helpLines(tracer, keymap, width) : []),
		[state.overlay?.kind, tracer, keymap, width],
	);

	const digits = digitsOf(tabs);
	const actionView: View = {
		tabs: tabs.map((one) => one.tracer.id),
		digits,
		columns,
		choices: choicesOf(tracer.columns, tab.columns),
		defaultSort: tracer.defaultSort,
		keys,
		selected,
		processAt,
		find: (text, from, step) => findRow(rows, tracer, text, from, step),
		names: offeredNames(
			tabs.map((one) => one.tracer),
			id,
		),
		filterValid: filter.error === null,
		// read when a command comes: the table may have been drawn since
		get page() {
			return page.current;
		},
		hasDetail: loaded?.nameOf !== undefined,
		helpLines: help.length,
		helpPage: Math.max(1, bodyHeight - 1),
	};

	const closeUp = tab.detail ? rows[selected] : undefined;
	const closeUpKey = closeUp && tracer.rowKey(closeUp);
	const focus = loaded?.focus;
	// biome-ignore lint/correctness/useExhaustiveDependencies: the same row of another snapshot is the same row
	useEffect(() => {
		if (closeUpKey === undefined || !focus) return;
		actions.tune(id, focus(closeUp));
		return () => actions.tune(id, focus(undefined));
	}, [focus, closeUpKey, id]);

	const say = (message: string) => dispatch({ kind: 'say', message });

	const changeDelay = (step: number) => {
		const at = delays.findIndex((candidate) => candidate >= delay - 1e-9);
		const next = delays[Math.max(0, Math.min(delays.length - 1, (at < 0 ? delays.length : at) + step))] as number;
		if (next === delay) return;
		setDelay(next);
		actions.setInterval(next);
	};

	const setGroup = (tab: string, group: string) => {
		setGroups((before) => ({ ...before, [tab]: group }));
		actions.setGroup(tab, group);
	};

	const nextGroup = () => {
		if (tracer.groups.length < 2) return say(`${tracer.title} has one grouping only`);
		const at = tracer.groups.indexOf(groups[id] ?? snapshot?.group ?? (tracer.groups[0] as string));
		const group = tracer.groups[(at + 1) % tracer.groups.length] as string;
		setGroup(id, group);
	};

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
		if (!snapshot || !loaded?.narrow) return say(`${tracer.title} cannot be narrowed down`);
		const changes = loaded.narrow(row, snapshot as never);
		if (Object.keys(changes).length === 0) return say('select a process first');
		actions.tune(id, changes);
	};

	const showFinding = (key: string) => {
		const at = keysOf(keymap, 'finding').indexOf(key);
		const link = snapshot && loaded?.links?.(snapshot as never)[at];
		if (!link) return say(`no finding ${key} here`);
		const group = groups[link.tab] ?? store.current(link.tab)?.group;
		if (link.group !== undefined && link.group !== group) setGroup(link.tab, link.group);
		dispatch({ kind: 'show', link });
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
		group: nextGroup,
		baseline: toggleBaseline,
		copy: copyRow,
		narrow,
	};

	const click = (x: number, y: number) => {
		if (state.overlay) return;
		const target = targetAt(hits, x, y, headerHeight + bannerHeight, headerHeight - 1);
		if (target?.kind === 'tab') dispatch({ kind: 'go-to', tab: target.id });
		else if (target?.kind === 'sort') dispatch({ kind: 'sort', key: target.key, view: actionView });
		else if (target?.kind === 'row') dispatch({ kind: 'select', index: target.index, view: actionView });
	};

	const wheel = (step: number) => {
		const command = step < 0 ? 'up' : 'down';
		if (state.overlay) dispatch({ kind: 'command', command, key: '', view: actionView });
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

	const energy = store.current('energy')?.source;
	const body = { width, height: bodyHeight };
	const group = tracer.groups.length > 1 ? (snapshot?.group ?? groups[id] ?? tracer.groups[0] ?? null) : null;
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
					energy={energy ? energy.kind : null}
					time={snapshot?.time ?? null}
					paused={paused}
					behind={store.behind(id)}
					baseline={baseline?.time ?? null}
					delay={delay}
					group={group}
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
						<ColumnMenu columns={tracer.columns} choices={actionView.choices} index={state.overlay.index} {...body} />
					) : (
						<ErrorBoundary key={id} {...body}>
							<Body view={view} status={status} summary={tracer.summary} {...body}>
								{(View) =>
									snapshot && (
										<View
											columns={columns}
											allColumns={tracer.columns}
											snapshot={snapshot as never}
											history={history as never}
											rows={rows}
											sort={sort}
											selected={selected}
											detail={tab.detail}
											rowKey={tracer.rowKey}
											filtered={filter.text !== '' || state.band !== null}
											baseline={(baseline?.tabs.get(id) as never) ?? null}
											logarithmic={state.logarithmic}
											band={state.band}
											keymap={keymap}
											page={page}
											{...body}
										/>
									)
								}
							</Body>
						</ErrorBoundary>
					)}
				</Box>
				<Footer
					lost={snapshot?.lost ?? nothing}
					cost={costOf(tabs.filter((one) => !one.tracer.from).map((one) => store.current(one.tracer.id)))}
					selected={selected}
					rows={rows.length}
					filter={filter.text}
					ignored={filter.bound.ignored}
					prompt={promptOf(state, filter)}
					message={state.message}
					keymap={keymap}
					width={width}
					height={footerHeight}
				/>
			</Box>
		</HitsContext>
	);
}

const nothing = {};

interface BodyProps {
	view: LoadedView | null;
	status: ReturnType<Store['status']>;
	summary: string;
	width: number;
	height: number;
	children: (view: TabView<never, object>['View']) => ReactElement | undefined;
}

/** The tab, or why it is not there. */
function Body({ view, status, summary, width, height, children }: BodyProps): ReactElement {
	if (view instanceof Error) throw view;
	if (status.kind === 'unavailable') {
		return (
			<Notice tone="bad" title={`unavailable: ${status.reason}`} text={[status.fix]} width={width} height={height} />
		);
	}
	const shown = view ? children(view.View) : undefined;
	if (shown) return shown;
	return (
		<Notice
			tone="warn"
			title={status.kind === 'live' ? 'attached; the first figures come after one interval' : 'attaching…'}
			text={[summary]}
			width={width}
			height={height}
		/>
	);
}
