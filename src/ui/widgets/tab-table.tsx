/** The rows of a tab as its table, or why there are none. */
import type { ReactElement } from 'react';
import { secondsOf } from '../../core/snapshot.ts';
import type { TabProps } from '../tab.ts';
import { Notice } from './notice.tsx';
import type { Area } from './split.ts';
import { Table } from './table.tsx';

interface TabTableProps<Row> extends Area {
	tab: TabProps<Row, object, object>;
	/** Said when there is no row at all. */
	empty: string;
	/** Rows of the tab above it. */
	y: number;
}

export function TabTable<Row>({ tab, empty, y, width, height }: TabTableProps<Row>): ReactElement {
	const { columns, rows, sort, selected, snapshot, baseline } = tab;
	tab.page.current = Math.max(1, height - 1);
	if (rows.length === 0) {
		const title = tab.filtered ? 'no row matches the filter; Esc clears it' : empty;
		return <Notice tone="dim" title={title} text={none} width={width} height={height} />;
	}
	const figures = { columns, rows, sort, selected, baseline, seconds: secondsOf(snapshot) };
	return <Table {...figures} y={y} width={width} height={height} />;
}

const none: readonly string[] = [];
