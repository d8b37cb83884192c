/** Columns to choose from, each with what it means. */

import type { Column } from '../../core/tracer.ts';
import { fitCells, textWidth, truncate } from '../../lib/width.ts';
import { paint } from '../../term/theme.ts';
import { drawn } from '../widgets/lines.tsx';
import type { Area } from '../widgets/split.ts';
import { scrollTo } from '../widgets/table.tsx';

interface MenuProps extends Area {
	title: string;
	/** In the order to be shown. */
	columns: readonly Column<never>[];
	/** What stands in front of a column. */
	mark(key: string): string;
	/** Index of the one that is looked at. */
	index: number;
}

export const Menu = drawn(({ title, columns, mark, index, width, height }: MenuProps) => {
	const titleWidth = Math.max(...columns.map((column) => textWidth(column.title)));
	const rows = columns.map(({ key, title, help }, at) => {
		const name = ` ${mark(key)} ${fitCells(title, titleWidth)}  `;
		const words = truncate(help, width - textWidth(name));
		return at === index ? paint('selected', fitCells(name + words, width)) : name + paint('dim', words);
	});
	const first = scrollTo(Math.max(0, index - height + 2), index, rows.length, height - 1);
	return [paint('header', fitCells(title, width)), ...rows.slice(first)];
});
