/** Everything about one process on one screen, of the moment shown. */
import { Box } from 'ink';
import { type ReactElement, useMemo, useRef, useSyncExternalStore } from 'react';
import type { Snapshot } from '../../core/snapshot.ts';
import type { Store } from '../../history/store.ts';
import { type SafeText, safe } from '../../lib/sanitize.ts';
import { processId } from '../../system/process-id.ts';
import { clock } from '../frame/header.tsx';
import { type Piece, statusLine } from '../widgets/line.ts';
import { Lines } from '../widgets/lines.tsx';
import { useDraw } from '../widgets/time-chart.tsx';
import type { Histories, Look } from './context.ts';
import { identityLines } from './identity.ts';
import { detailColumns, figureLines, inOrder } from './layout.ts';
import { type Life, lifeOf, upTo } from './subject.ts';
import { type Inspect, useDetails } from './use-details.ts';

export interface LensProps {
	/** `pid:start` */
	process: string;
	/** Tab from which it was opened. */
	from: { id: string; title: string };
	store: Store;
	inspect: Inspect;
	logarithmic: boolean;
	/** First line in sight; more than there is means the end. */
	offset: number;
	/** To be told how many lines there are and how many are seen, for the keys that scroll. */
	extent: { lines: number; page: number };
	width: number;
	height: number;
}

const tabs = ['energy', 'runqlat', 'irq', 'io'] as const;

/** The past of all tabs. One that ended ends there, its last snapshots whole if they were seen. */
function useHistories(store: Store, process: string): { histories: Histories; life: Life } {
	const version = useSyncExternalStore(store.subscribe, store.version);
	const whole = useRef(new Map<string, Snapshot>());
	const name = useRef<SafeText | null>(null);
	// biome-ignore lint/correctness/useExhaustiveDependencies: the version says when the store has changed
	return useMemo(() => {
		const id = processId(process);
		const all = Object.fromEntries(tabs.map((tab) => [tab, store.history(tab)])) as unknown as Histories;
		const life = lifeOf(id, all);
		// in time travel it may not have been there yet
		name.current = life.name ?? name.current;
		const histories = Object.fromEntries(
			tabs.map((tab) => {
				const history = life.exit ? upTo<Snapshot>(all[tab], life.exit) : (all[tab] as readonly Snapshot[]);
				const last = history.at(-1);
				if (last && history.length === all[tab].length) whole.current.set(tab, last);
				const seen = whole.current.get(tab);
				return [tab, seen && last && seen.mono_ns === last.mono_ns ? [...history.slice(0, -1), seen] : history];
			}),
		) as unknown as Histories;
		return { histories, life: { ...life, name: name.current } };
	}, [store, version, process]);
}

/** When the figures shown were measured, ms since 1970. */
function momentOf(histories: Histories): number {
	const last = tabs.map((tab) => histories[tab].at(-1)).find((snapshot) => snapshot !== undefined);
	return last ? Date.parse(last.time) : Date.now();
}

export function Lens(props: LensProps): ReactElement {
	const { process, from, store, inspect, logarithmic, offset, extent, width, height } = props;
	const { histories, life } = useHistories(store, process);
	const now = useDetails(inspect, process);
	const chart = useDraw();
	const behind = store.behind('energy');
	const past = behind > 0;
	const tall = height >= 36;
	const [figures, columns] = useMemo(() => {
		const look: Look = { process: processId(process), histories, logarithmic, past, width, tall, chart };
		const order = inOrder(from.id);
		return [figureLines(order, look), detailColumns(order, look)];
	}, [process, histories, logarithmic, past, width, tall, chart, from.id]);
	const identity = identityLines(now, momentOf(histories), behind, width);
	// on the smallest screens figures count for more than names
	const head = height < 14 ? [...figures, ...identity] : [...identity, ...figures];
	// a column alone scrolls with its head; there is room for more only where the head can stay
	const [only] = columns.length === 1 ? columns : [];
	const scrolled = only ? [{ width, lines: [...head, ...only.lines] }] : columns;
	const fixed = only ? [] : head;
	const lines = Math.max(...scrolled.map((column) => column.lines.length));
	const page = Math.max(1, height - 1 - fixed.length);
	extent.lines = lines;
	extent.page = page;
	const first = Math.max(0, Math.min(offset, lines - page));
	const last = Math.min(lines, first + page);
	const exited = life.exit
		? ` exited at ${clock(life.exit.time)} `
		: now.gone
			? past
				? ' exited since '
				: ' exited '
			: '';
	const crumb: Piece[] = [
		{
			spans: [from.title, ['dim', ' › '], ['strong', safe`${life.name ?? safe`process`}[${processId(process).pid}]`]],
			drop: 0,
		},
		{ spans: exited === '' ? [] : [['alert', exited]], drop: 1 },
		{ spans: [['dim', 'Esc: back']], drop: 2 },
		{ spans: lines > page ? [['dim', `${first + 1}–${last} of ${lines} ↑↓`]] : [], drop: 3, side: 'right' },
	];
	return (
		<Box flexDirection="column">
			<Lines lines={[statusLine(width, crumb)]} width={width} height={1} />
			<Lines lines={fixed} width={width} height={fixed.length} />
			<Box>
				{scrolled.map((column, index) => (
					<Lines
						// biome-ignore lint/suspicious/noArrayIndexKey: a column is its place
						key={index}
						lines={column.lines.slice(first, last)}
						width={column.width}
						height={page}
					/>
				))}
			</Box>
		</Box>
	);
}
