/** What is between header and footer: the tab in front, or what lies over it. */
import type { ReactElement } from 'react';
import type { Store } from '../../history/store.ts';
import { Lens } from '../lens/lens.tsx';
import type { Inspect } from '../lens/use-details.ts';
import { ErrorBoundary } from './error-boundary.tsx';
import { Help } from './help.tsx';
import { Menu } from './menu.tsx';
import { TabBody, type TabBodyProps } from './tab-body.tsx';

export interface BodyProps extends TabBodyProps {
	store: Store;
	inspect: Inspect;
	helpLines: readonly string[];
	/** To be told how many lines the lens has, and shows. */
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
		case 'columns':
			return (
				<Menu
					title=" Columns   Space: show, hide   < >: move   r: as before   Esc: done"
					columns={view.choices.flatMap(({ key }) => available.filter((column) => column.key === key))}
					mark={(key) => (columns.some((column) => column.key === key) ? '[x]' : '[ ]')}
					index={overlay.index}
					{...body}
				/>
			);
	}
	if (!lens)
		return (
			<ErrorBoundary key={`${front.tracer.id} ${front.chosen.view}`} {...body}>
				<TabBody {...props} />
			</ErrorBoundary>
		);
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
