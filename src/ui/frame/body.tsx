/** What is between header and footer: the tab in front, or what lies over it. */
import type { ReactElement } from 'react';
import type { Store } from '../../store.ts';
import type { TabInFront } from '../hooks/use-front.ts';
import type { Keymap } from '../keymap.ts';
import { Lens } from '../lens/lens.tsx';
import type { Inspect } from '../lens/use-details.ts';
import type { Baseline } from '../state/baseline.ts';
import { shownColumns } from '../state/columns.ts';
import type { UiState } from '../state/state.ts';
import type { Area } from '../widgets/split.ts';
import { ErrorBoundary } from './error-boundary.tsx';
import { Help } from './help.tsx';
import { Menu } from './menu.tsx';
import { TabBody } from './tab-body.tsx';

export interface BodyProps extends Area {
	state: UiState;
	front: TabInFront;
	store: Store;
	keymap: Keymap;
	baseline: Baseline | null;
	inspect: Inspect;
	helpLines: readonly string[];
	/** To be told how far keys scroll: rows of the table, lines of the lens. */
	page: { current: number };
	lensExtent: { lines: number; page: number };
}

export function Body(props: BodyProps): ReactElement {
	const { state, front, store, inspect, helpLines, lensExtent, width, height } = props;
	const { overlay, lens } = state;
	const { columns, available, sort, view } = front.table;
	const body = { width, height };
	switch (overlay?.kind) {
		case 'help':
			return <Help lines={helpLines} offset={overlay.offset} {...body} />;
		case 'sort': {
			const arrow = sort.direction === 'ascending' ? '▲' : '▼';
			return (
				<Menu
					title=" Sort by   Enter: choose   Esc: back"
					columns={columns}
					mark={(key) => (key === sort.key ? arrow : ' ')}
					index={overlay.index}
					{...body}
				/>
			);
		}
		case 'columns': {
			const shown = new Set(columns.map(({ key }) => key));
			return (
				<Menu
					title=" Columns   Space: show, hide   < >: move   r: as before   Esc: done"
					columns={shownColumns(
						available,
						view.choices.map(({ key }) => ({ key, shown: true })),
					)}
					mark={(key) => `[${shown.has(key) ? 'x' : ' '}]`}
					index={overlay.index}
					{...body}
				/>
			);
		}
	}
	if (!lens) return <Tab {...props} />;
	return (
		<ErrorBoundary key="lens" {...body}>
			<Lens
				process={lens.process}
				from={front.tracer}
				store={store}
				inspect={inspect}
				logarithmic={state.logarithmic}
				offset={lens.offset}
				extent={lensExtent}
				{...body}
			/>
		</ErrorBoundary>
	);
}

function Tab({ state, front, keymap, baseline, page, width, height }: BodyProps): ReactElement {
	const { tracer, status, history, snapshot, view, table, chosen, unit } = front;
	const { list, source, available, columns, rows, sort, filter, selected } = table;
	const body = { width, height };
	return (
		<ErrorBoundary key={`${tracer.id} ${chosen.view}`} {...body}>
			<TabBody
				view={view instanceof Error ? view : (table.front ?? null)}
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
							detail={chosen.detail}
							rowKey={source.rowKey}
							filtered={filter.text !== '' || state.band !== null}
							baseline={list ? null : ((baseline?.tabs.get(tracer.id) as never) ?? null)}
							logarithmic={state.logarithmic}
							unit={unit ?? 1}
							band={state.band}
							view={chosen.view}
							stage={chosen.stage}
							keymap={keymap}
							page={page}
							{...body}
						/>
					)
				}
			</TabBody>
		</ErrorBoundary>
	);
}
