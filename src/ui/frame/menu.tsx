/** A list of columns to choose from, each with its help. */

import type { Column } from '../../core/tracer.ts';
import { fitCells, textWidth, truncate } from '../../lib/width.ts';
import { paint } from '../../term/theme.ts';
import { scrollTo } from '../layout/layout.ts';
import type { Area } from '../layout/split.ts';
import { drawn } from '../widgets/lines.tsx';

interface MenuProps extends Area {
	title: string;
	/** In the order of the list. */
	columns: readonly Column<never>[];
	/** Mark before a column. */
	mark(key: string): string;
	/** Index of the selected one. */
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
