/** All columns, to show, hide and put in order. */
import { type ReactElement, useMemo } from 'react';
import { fitCells, textWidth, truncate } from '../../term/width.ts';
import type { Column } from '../../tracers/tracer.ts';
import type { ColumnChoice } from '../state/columns.ts';
import { paint } from '../theme.ts';
import { Lines } from '../widgets/lines.tsx';
import { scrollTo } from '../widgets/table.tsx';

export interface ColumnMenuProps {
	columns: readonly Column<never>[];
	choices: readonly ColumnChoice[];
	index: number;
	width: number;
	height: number;
}

export function ColumnMenu({ columns, choices, index, width, height }: ColumnMenuProps): ReactElement {
	const lines = useMemo(() => {
		const titleWidth = Math.max(...columns.map((column) => textWidth(column.title)));
		const rows = choices.map(({ key, shown }, at) => {
			const column = columns.find((one) => one.key === key);
			const name = ` [${shown ? 'x' : ' '}] ${fitCells(column?.title ?? key, titleWidth)}  `;
			const help = truncate(column?.help ?? '', width - textWidth(name));
			return at === index ? paint('selected', fitCells(name + help, width)) : name + paint('dim', help);
		});
		const first = scrollTo(Math.max(0, index - height + 2), index, rows.length, height - 1);
		const title = ' Columns   Space: show, hide   < >: move   r: as before   Esc: done';
		return [paint('header', fitCells(title, width)), ...rows.slice(first)];
	}, [columns, choices, index, width, height]);
	return <Lines lines={lines} width={width} height={height} />;
}
