/** The tab in front, or why it is not there. */
import type { ReactElement } from 'react';
import type { Keymap } from '../../options/keymap.ts';
import type { TabInFront } from '../hooks/use-front.ts';
import type { Baseline } from '../state/baseline.ts';
import type { UiState } from '../state/state.ts';
import { Notice } from '../widgets/notice.tsx';
import type { Area } from '../widgets/split.ts';

export interface TabBodyProps extends Area {
	state: UiState;
	front: TabInFront;
	keymap: Keymap;
	baseline: Baseline | null;
	/** To be told how many rows the table shows. */
	page: { current: number };
}

export function TabBody({ state, front, keymap, baseline, page, width, height }: TabBodyProps): ReactElement {
	const { tracer, status, history, snapshot, view, table, chosen, unit } = front;
	if (view instanceof Error) throw view;
	if (status.kind === 'unavailable') {
		return (
			<Notice tone="bad" title={`unavailable: ${status.reason}`} text={[status.fix]} width={width} height={height} />
		);
	}
	if (!table.front || !snapshot) {
		const title = status.kind === 'live' ? 'attached; the first figures come after one interval' : 'attaching…';
		return <Notice tone="warn" title={title} text={[tracer.summary]} width={width} height={height} />;
	}
	const { View } = table.front;
	return (
		<View
			columns={table.columns}
			allColumns={table.available}
			snapshot={snapshot as never}
			history={history as never}
			rows={table.rows}
			sort={table.sort}
			selected={table.selected}
			detail={chosen.detail}
			rowKey={table.source.rowKey}
			filtered={table.filter.text !== '' || state.band !== null}
			baseline={table.list ? null : ((baseline?.tabs.get(tracer.id) as never) ?? null)}
			logarithmic={state.logarithmic}
			unit={unit ?? 1}
			band={state.band}
			view={chosen.view}
			stage={chosen.stage}
			keymap={keymap}
			page={page}
			width={width}
			height={height}
		/>
	);
}
