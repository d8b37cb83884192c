/** The screen: frame, focus, change of tabs. What a tab shows is the tab's. */
import { Box, useStdout } from 'ink';
import { type ReactElement, useEffect, useMemo, useReducer, useRef, useState, useSyncExternalStore } from 'react';
import { secondsOf } from '../derive.ts';
import { filterRows, sortRows } from '../query.ts';
import { sanitize } from '../sanitize.ts';
import type { Snapshot } from '../snapshot.ts';
import type { Store } from '../store.ts';
import type { Size } from '../term/diff.ts';
import { ErrorBoundary } from './error-boundary.tsx';
import { Footer, type OwnCost } from './footer.tsx';
import { Header, type HostInfo } from './header.tsx';
import { Help, helpLines } from './help.tsx';
import { type Command, commandOf } from './keymap.ts';
import { Lines } from './lines.tsx';
import { Notice } from './notice.tsx';
import { SortMenu } from './sort-menu.tsx';
import { initialState, reduce, selectedIndex, sortOf, tabState, type UiState, type View } from './state.ts';
import type { TabEntry, TabView } from './tab.ts';
import { paint } from './theme.ts';
import { useKeys } from './use-keys.ts';

/** What the screen asks of the program around it. */
export interface AppActions {
	quit(): void;
	suspend(): void;
	redraw(): void;
	/** Seconds. */
	setInterval(seconds: number): void;
	setGroup(tab: string, group: string): void;
}

export interface AppProps {
	tabs: readonly TabEntry[];
	initialTab: string;
	/** For the initial tab; undefined: the tracer's own. */
	initialSort?: string | undefined;
	store: Store;
	host: HostInfo;
	/** Interval at start, s. */
	delay: number;
	actions: AppActions;
}

/** Intervals that + and - go through, s. */
const delays = [0.25, 0.5, 1, 2, 3, 5, 10, 30, 60];

function sizeOf({ columns, rows }: { columns?: number; rows?: number }): Size {
	return { columns: columns ?? 80, rows: rows ?? 24 };
}

function useSize(): Size {
	const stdout: { columns?: number; rows?: number } & NodeJS.EventEmitter = useStdout().stdout;
	const [size, setSize] = useState(() => sizeOf(stdout));
	useEffect(() => {
		const onResize = () => setSize(sizeOf(stdout));
		stdout.on('resize', onResize);
		return () => {
			stdout.off('resize', onResize);
		};
	}, [stdout]);
	return size;
}

type LoadedView = TabView<never, object> | Error;

/** The code of the tabs, loaded after the first frame; null until it is there. */
function useTabView(tabs: readonly TabEntry[], id: string): LoadedView | null {
	const [views, setViews] = useState<Readonly<Record<string, LoadedView>>>({});
	useEffect(() => {
		let mounted = true;
		for (const { tracer, tab } of tabs) {
			const put = (view: LoadedView) => {
				if (mounted) setViews((before) => ({ ...before, [tracer.id]: view }));
			};
			tab().then(put, (error: unknown) => put(error instanceof Error ? error : new Error(String(error))));
		}
		return () => {
			mounted = false;
		};
	}, [tabs]);
	return views[id] ?? null;
}

function startState(tabs: readonly TabEntry[], tab: string, sort: string | undefined): UiState {
	const columns = tabs.find(({ tracer }) => tracer.id === tab)?.tracer.columns ?? [];
	return initialState(
		tab,
		columns.find((column) => column.key === sort),
	);
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

export function App({
	tabs,
	initialTab,
	initialSort,
	store,
	host,
	delay: initialDelay,
	actions,
}: AppProps): ReactElement | null {
	const { columns: width, rows: height } = useSize();
	const [state, dispatch] = useReducer(reduce, undefined, () => startState(tabs, initialTab, initialSort));
	const [delay, setDelay] = useState(initialDelay);
	const [groups, setGroups] = useState<Readonly<Record<string, string>>>({});
	const page = useRef(1);

	const entry = tabs.find((one) => one.tracer.id === state.tab) ?? (tabs[0] as TabEntry);
	const { tracer } = entry;
	const { id } = tracer;
	const view = useTabView(tabs, id);
	const history = useSyncExternalStore(store.subscribe, () => store.history(id));
	const status = useSyncExternalStore(store.subscribe, () => store.status(id));
	const paused = useSyncExternalStore(store.subscribe, () => store.paused);
	const failure = useSyncExternalStore(store.subscribe, () => store.failure);
	const snapshot = history.at(-1);

	const listed = view && !(view instanceof Error) ? view.listed : undefined;
	const tab = tabState(state, id);
	const sort = useMemo(
		() => sortOf({ ...state, tab: id }, id, tracer.columns, tracer.defaultSort),
		[state, id, tracer],
	);
	const filter = useMemo(() => sanitize(state.filter), [state.filter]);
	const filtered = useMemo(() => {
		const rows = listed ? (snapshot?.rows ?? []).filter(listed as (row: object) => boolean) : (snapshot?.rows ?? []);
		return filterRows(rows as readonly never[], tracer.columns, filter);
	}, [snapshot, listed, tracer, filter]);
	const rows = useMemo(
		() =>
			sortRows(
				filtered,
				tracer.columns.find((column) => column.key === sort.key),
				sort.direction,
				snapshot ? secondsOf(snapshot) : 1,
			),
		[filtered, tracer, sort.key, sort.direction, snapshot],
	);
	const keys = useMemo(() => rows.map((row) => tracer.rowKey(row)), [rows, tracer]);
	const selected = selectedIndex(tab, keys);

	// Chrome goes first when rows are few: a table without hints is more use than hints without a table.
	const headerHeight = height >= 16 ? 2 : height >= 4 ? 1 : 0;
	const footerHeight = height >= 14 ? 2 : height >= 6 ? 1 : 0;
	const bannerHeight = failure && height >= 8 ? 1 : 0;
	const bodyHeight = height - headerHeight - footerHeight - bannerHeight;
	const help = useMemo(
		() => (state.overlay?.kind === 'help' ? helpLines(tracer, width) : []),
		[state.overlay?.kind, tracer, width],
	);

	const actionView: View = {
		tabs: tabs.map((one) => one.tracer.id),
		columns: tracer.columns,
		defaultSort: tracer.defaultSort,
		keys,
		page: page.current,
		hasDetail: Boolean(view && !(view instanceof Error) && view.nameOf),
		helpLines: help.length,
		helpPage: Math.max(1, bodyHeight - 1),
	};

	const changeDelay = (step: number) => {
		const at = delays.findIndex((candidate) => candidate >= delay - 1e-9);
		const next = delays[Math.max(0, Math.min(delays.length - 1, (at < 0 ? delays.length : at) + step))] as number;
		if (next === delay) return;
		setDelay(next);
		actions.setInterval(next);
	};

	const nextGroup = () => {
		if (tracer.groups.length < 2) return;
		const at = tracer.groups.indexOf(groups[id] ?? snapshot?.group ?? (tracer.groups[0] as string));
		const group = tracer.groups[(at + 1) % tracer.groups.length] as string;
		setGroups({ ...groups, [id]: group });
		actions.setGroup(id, group);
	};

	/** Commands that reach beyond the screen's own state. */
	const outward: Partial<Record<Command, () => void>> = {
		quit: actions.quit,
		suspend: actions.suspend,
		redraw: actions.redraw,
		pause: () => store.setPaused(!store.paused),
		faster: () => changeDelay(-1),
		slower: () => changeDelay(1),
		group: nextGroup,
	};

	useKeys((key) => {
		if (state.overlay?.kind === 'filter' && key !== 'Ctrl-C' && key !== 'Ctrl-Z') {
			const move = key.length > 1 && /^(Up|Down|PgUp|PgDn)$/.test(key) ? commandOf(key) : undefined;
			dispatch(move ? { kind: 'command', command: move, key, view: actionView } : { kind: 'text', key });
			return;
		}
		const command = commandOf(key);
		if (!command) return;
		outward[command]?.();
		dispatch({ kind: 'command', command, key, view: actionView });
	});

	if (height < 1 || width < 1) return null;
	if (width < 20 || height < 4) {
		return <Lines lines={['wattlag', `${width}x${height}`, 'too small']} width={width} height={height} />;
	}

	const energy = store.current('energy')?.source;
	const body = { width, height: bodyHeight };
	const group = tracer.groups.length > 1 ? (snapshot?.group ?? groups[id] ?? tracer.groups[0] ?? null) : null;
	return (
		<Box flexDirection="column" width={width} height={height}>
			<Header
				host={host}
				tabs={tabs.map((one) => ({
					id: one.tracer.id,
					title: one.tracer.title,
					state: store.status(one.tracer.id).kind,
				}))}
				active={id}
				energy={energy ? energy.kind : null}
				time={snapshot?.time ?? null}
				paused={paused}
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
					<SortMenu columns={tracer.columns} sort={sort} index={state.overlay.index} {...body} />
				) : (
					<ErrorBoundary key={id} {...body}>
						<Body view={view} status={status} summary={tracer.summary} {...body}>
							{(View) =>
								snapshot && (
									<View
										columns={tracer.columns}
										snapshot={snapshot as never}
										history={history as never}
										rows={rows}
										sort={sort}
										selected={selected}
										detail={tab.detail}
										rowKey={tracer.rowKey}
										filtered={filter !== ''}
										logarithmic={state.logarithmic}
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
				cost={costOf(tabs.map((one) => store.current(one.tracer.id)))}
				selected={selected}
				rows={rows.length}
				filter={filter}
				typing={state.overlay?.kind === 'filter'}
				width={width}
				height={footerHeight}
			/>
		</Box>
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
