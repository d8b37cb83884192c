/** The area between header and footer: the open tab, or the help, menu or lens that covers it. */
import type { ReactElement } from 'react';
import type { LensContent } from '../lens/layout.ts';
import { Lens } from '../lens/lens.tsx';
import type { UiState } from '../state/state.ts';
import { ErrorBoundary } from './error-boundary.tsx';
import { Help } from './help.tsx';
import { Menu } from './menu.tsx';
import { TabBody, type TabBodyProps } from './tab-body.tsx';

export interface BodyProps extends TabBodyProps {
	state: UiState;
	/** null: closed. */
	lens: LensContent | Error | null;
	helpLines: readonly string[];
}

/** Whether help or a menu covers the tab; a prompt does not. */
export function isCovered({ overlay }: UiState): boolean {
	return overlay?.kind === 'help' || overlay?.kind === 'sort' || overlay?.kind === 'columns';
}

export function Body(props: BodyProps): ReactElement {
	const { state, active, lens, layout, helpLines, width, height } = props;
	const { overlay } = state;
	const { columns, available, sort, model } = active.table;
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
					title=" Columns   Space: show, hide   < >: move   r: reset   Esc: done"
					columns={model.choices.flatMap(({ key }) => available.filter((column) => column.key === key))}
					mark={(key) => (columns.some((column) => column.key === key) ? '[x]' : '[ ]')}
					index={overlay.index}
					{...body}
				/>
			);
	}
	if (!lens)
		return (
			<ErrorBoundary key={`${active.tracer.id} ${active.chosen.view}`} {...body}>
				<TabBody {...props} />
			</ErrorBoundary>
		);
	return (
		<ErrorBoundary key="lens" {...body}>
			<Lens content={lens} scroll={layout.lens} offset={state.lens?.offset ?? 0} {...body} />
		</ErrorBoundary>
	);
}
