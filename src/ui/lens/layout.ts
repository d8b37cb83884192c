/** Lens: its sections as lines of text, and the lines that scroll. Pure. */
import { sparkline } from '../../lib/format.ts';
import { fitCells, textWidth } from '../../lib/width.ts';
import type { Span } from '../../term/theme.ts';
import type { Extent } from '../layout/layout.ts';
import type { Area } from '../layout/split.ts';
import { lineOf, type Piece } from '../widgets/line.ts';
import type { LensContext, Section } from './context.ts';
import { energySection } from './energy.ts';
import { eventsSection } from './events.ts';
import { ioSection } from './io.ts';
import { interruptsSection } from './irq.ts';
import { waitsSection } from './runqlat.ts';
import { threadsSection } from './threads.ts';
import { timeSection } from './time.ts';

/** A column of the details. */
export interface LensColumn {
	/** Cells. */
	width: number;
	lines: readonly string[];
}

export interface LensContent {
	/** The breadcrumb. */
	crumb: readonly Piece[];
	identity: readonly string[];
	/** A line for each section. */
	figures: readonly string[];
	columns: readonly LensColumn[];
}

const sections: readonly Section[] = [
	energySection,
	timeSection,
	waitsSection,
	ioSection,
	interruptsSection,
	eventsSection,
	threadsSection,
];
/** Cells between columns. */
const gap = 2;
/** Cells from which on there are two columns. */
const wide = 150;

/** The section of the tab that the lens was opened from is first. */
export function inOrder(tab: string): readonly Section[] {
	return [...sections.filter((section) => section.tab === tab), ...sections.filter((section) => section.tab !== tab)];
}

const titleWidth = Math.max(...sections.map(({ title }) => textWidth(title)));

/** A line for each section that has something to say. */
export function figureLines(order: readonly Section[], context: LensContext): string[] {
	const cells = context.width >= 150 ? 24 : context.width >= 70 ? 10 : 0;
	return order.flatMap((section) => {
		const figures = section.figures?.(context) ?? [];
		if (figures.length === 0) return [];
		const trend: Span[] = cells === 0 ? [] : [['series1', sparkline(section.trend?.(context) ?? [], cells)], '  '];
		return [lineOf(context.width, [['accent', fitCells(section.title, titleWidth + 1)], ...trend, ...figures])];
	});
}

function block(section: Section, context: LensContext): string[] {
	const lines = section.details(context);
	if (lines.length === 0) return [];
	const rule = '─'.repeat(Math.max(0, context.width - textWidth(section.title) - 4));
	return [
		lineOf(context.width, [
			['dim', '── '],
			['strong', section.title],
			['dim', ` ${rule}`],
		]),
		...lines,
	];
}

/** The details in one column, or in two of about the same height. */
export function detailColumns(order: readonly Section[], context: LensContext): LensColumn[] {
	if (context.width < wide)
		return [{ width: context.width, lines: order.flatMap((section) => block(section, context)) }];
	const width = Math.floor((context.width - gap) / 2);
	const [left, right]: [string[], string[]] = [[], []];
	for (const section of order)
		(right.length < left.length ? right : left).push(...block(section, { ...context, width }));
	return [
		{ width: width + gap, lines: left },
		{ width, lines: right },
	];
}

interface LensParts {
	/** Lines that do not scroll. */
	fixed: readonly string[];
	/** Columns that scroll together. */
	scrolled: readonly LensColumn[];
}

/** A single column scrolls with the lines above it: only a wide screen has room to keep them in sight. */
export function partsOf({ identity, figures, columns }: LensContent, { width, height }: Area): LensParts {
	// on the smallest screens figures count for more than names
	const head = height < 14 ? [...figures, ...identity] : [...identity, ...figures];
	const [only] = columns.length === 1 ? columns : [];
	return only
		? { fixed: [], scrolled: [{ width, lines: [...head, ...only.lines] }] }
		: { fixed: head, scrolled: columns };
}

/** The lines that scroll, and those in sight. */
export function lensExtent(content: LensContent, area: Area): Extent {
	const { fixed, scrolled } = partsOf(content, area);
	return {
		lines: Math.max(...scrolled.map((column) => column.lines.length)),
		page: Math.max(1, area.height - 1 - fixed.length),
	};
}
