/** The open tab, or the reason why it has nothing to show. */
import type { ReactElement } from 'react';
import type { Keymap } from '../../options/keymap.ts';
import type { ActiveTab } from '../hooks/use-active-tab.ts';
import type { Layout } from '../layout/layout.ts';
import type { Area } from '../layout/split.ts';
import type { Baseline } from '../state/baseline.ts';
import type { UiState } from '../state/state.ts';
import type { TabContent, TabProps } from '../tab.ts';
import { Notice } from '../widgets/notice.tsx';
import { Detail, Panes } from '../widgets/panes.tsx';
import { attempt } from './error-boundary.tsx';

/** A tab with its figures and its part of the screen. */
export interface TabDrawing {
	props: TabProps<never, object>;
	content: TabContent<never>;
}

/** null: there is nothing to draw yet. An error of the tab's code is returned: it is shown in the tab's area. */
export function drawTab(
	{ tracer, status, history, snapshot, table, chosen, unit }: ActiveTab,
	{ logarithmic, band, recorded }: Pick<UiState, 'logarithmic' | 'band'> & Pick<TabProps<never, object>, 'recorded'>,
	keymap: Keymap,
	baseline: Baseline | null,
	at: TabProps<never, object>['at'],
	area: Area,
): TabDrawing | Error | null {
	const { view } = table;
	if (status.kind === 'unavailable' || !view || !snapshot) return null;
	const props: TabProps<never, object> = {
		...area,
		columns: table.columns,
		allColumns: table.available,
		snapshot: snapshot as never,
		history: history as never,
		rows: table.rows,
		sort: table.sort,
		selected: table.selected,
		detail: chosen.detail,
		rowKey: table.source.rowKey,
		filtered: table.filter.text !== '' || band !== null,
		baseline: table.list ? null : (baseline?.tabs.get(tracer.id) ?? null),
		logarithmic,
		unit: unit ?? 1,
		band,
		view: chosen.view,
		stage: chosen.stage,
		...(recorded && { recorded }),
		keymap,
		at,
	};
	const content = attempt(() => view.content(props));
	return content instanceof Error ? content : { props, content };
}

export interface TabBodyProps extends Area {
	active: ActiveTab;
	drawing: TabDrawing | Error | null;
	layout: Layout;
}

export function TabBody({ active, drawing, layout, width, height }: TabBodyProps): ReactElement {
	const { tracer, status, view, table } = active;
	if (view instanceof Error) throw view;
	if (status.kind === 'unavailable') {
		return (
			<Notice tone="bad" title={`unavailable: ${status.reason}`} text={[status.fix]} width={width} height={height} />
		);
	}
	if (drawing instanceof Error) throw drawing;
	if (!drawing) {
		const title = status.kind === 'live' ? 'attached; the first figures come after one interval' : 'attaching…';
		return <Notice tone="warn" title={title} text={[tracer.summary]} width={width} height={height} />;
	}
	const { props, content } = drawing;
	if (layout.tab) return <Panes tab={props} content={content} layout={layout.tab} />;
	const row = props.rows[props.selected] as never;
	return <Detail tab={props} content={content} row={row} name={table.view?.nameOf?.(row) ?? ''} />;
}
