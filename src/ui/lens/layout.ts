/** Lens: the sections as lines of text. Pure. */
import { sparkline } from '../../lib/format.ts';
import { fitCells, textWidth } from '../../lib/width.ts';
import type { Span } from '../../term/theme.ts';
import { lineOf } from '../widgets/line.ts';
import type { Look, Section } from './context.ts';
import { energySection } from './energy.ts';
import { ioSection } from './io.ts';
import { interruptsSection } from './irq.ts';
import { waitsSection } from './runqlat.ts';
import { threadsSection } from './threads.ts';

const sections: readonly Section[] = [energySection, waitsSection, ioSection, interruptsSection, threadsSection];
/** Cells between columns. */
const gap = 2;
/** Cells from which on there are two columns. */
const wide = 150;

/** Where the user came from is first. */
export function inOrder(tab: string): readonly Section[] {
	return [...sections.filter((section) => section.tab === tab), ...sections.filter((section) => section.tab !== tab)];
}

const titleWidth = Math.max(...sections.map(({ title }) => textWidth(title)));

/** A line for each section: everything at a glance. */
export function figureLines(order: readonly Section[], look: Look): string[] {
	const cells = look.width >= 150 ? 24 : look.width >= 70 ? 10 : 0;
	return order.flatMap((section) => {
		if (!section.figures) return [];
		const trend: Span[] = cells === 0 ? [] : [['series1', sparkline(section.trend?.(look) ?? [], cells)], '  '];
		return [
			lineOf(look.width, [['accent', fitCells(section.title, titleWidth + 1)], ...trend, ...section.figures(look)]),
		];
	});
}

function block(section: Section, look: Look): string[] {
	const lines = section.details(look);
	if (lines.length === 0) return [];
	const rule = '─'.repeat(Math.max(0, look.width - textWidth(section.title) - 4));
	return [
		lineOf(look.width, [
			['dim', '── '],
			['strong', section.title],
			['dim', ` ${rule}`],
		]),
		...lines,
	];
}

/** The details below each other in one column, or in two of much the same height: each with its width. */
export function detailColumns(order: readonly Section[], look: Look): { width: number; lines: string[] }[] {
	if (look.width < wide) return [{ width: look.width, lines: order.flatMap((section) => block(section, look)) }];
	const width = Math.floor((look.width - gap) / 2);
	const [left, right]: [string[], string[]] = [[], []];
	for (const section of order) (right.length < left.length ? right : left).push(...block(section, { ...look, width }));
	return [
		{ width: width + gap, lines: left },
		{ width, lines: right },
	];
}
