/** The columns to choose from, each with what it means. */
import { type ReactElement, useMemo } from 'react';
import type { Sort } from '../../query.ts';
import { fitCells, textWidth, truncate } from '../../term/width.ts';
import type { Column } from '../../tracers/tracer.ts';
import { paint } from '../theme.ts';
import { Lines } from '../widgets/lines.tsx';
import { scrollTo } from '../widgets/table.tsx';

export interface SortMenuProps {
	columns: readonly Column<never>[];
	sort: Sort;
	index: number;
	width: number;
	height: number;
}

export function SortMenu({ columns, sort, index, width, height }: SortMenuProps): ReactElement {
	const lines = useMemo(() => {
		const titleWidth = Math.max(...columns.map((column) => textWidth(column.title)));
		const rows = columns.map((column, at) => {
			const mark = column.key === sort.key ? (sort.direction === 'ascending' ? '▲' : '▼') : ' ';
			const name = ` ${mark} ${fitCells(column.title, titleWidth)}  `;
			const help = truncate(column.help, width - textWidth(name));
			return at === index ? paint('selected', fitCells(name + help, width)) : name + paint('dim', help);
		});
		const first = scrollTo(Math.max(0, index - height + 2), index, rows.length, height - 1);
		return [paint('header', fitCells(' Sort by   Enter: choose   Esc: back', width)), ...rows.slice(first)];
	}, [columns, sort, index, width, height]);
	return <Lines lines={lines} width={width} height={height} />;
}
