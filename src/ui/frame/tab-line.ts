/** The tab line: every digit, as many titles as fit, and at the right edge the state of the figures. */
import { textWidth } from '../../lib/width.ts';
import type { Span } from '../../term/theme.ts';
import type { TabEnd } from '../layout/layout.ts';
import { statusLine, widthOf } from '../widgets/line.ts';

export interface TabName {
	id: string;
	/** The key that opens it. */
	digit: string;
	title: string;
	unavailable: boolean;
}

export interface TabLine {
	line: string;
	ends: readonly TabEnd[];
}

function label({ digit, title }: TabName, titled: boolean): string {
	return titled ? ` ${digit} ${title} ` : ` ${digit} `;
}

/**
 * Ids of the tabs whose titles fit into `room` cells, and the cells between two tabs. The active tab comes first, then
 * those nearest to it, which Tab reaches first.
 */
function titlesIn(room: number, tabs: readonly TabName[], active: string): { titled: Set<string>; gap: 0 | 1 } {
	const from = tabs.findIndex(({ id }) => id === active);
	const near = tabs.map((tab, index) => ({ tab, off: Math.abs(index - from) })).sort((a, b) => a.off - b.off);
	let left = room - tabs.reduce((sum, tab) => sum + textWidth(label(tab, false)), 0);
	const titled = new Set<string>();
	for (const { tab } of near) {
		const need = textWidth(tab.title) + 1;
		if (need > left) continue;
		titled.add(tab.id);
		left -= need;
	}
	return { titled, gap: left >= tabs.length - 1 ? 1 : 0 };
}

/**
 * @param right parts at the right edge, the most important first. It is kept longer than titles and, on very narrow
 *   screens, than the digits of inactive tabs; the other parts are dropped before any title
 */
export function tabLine(
	all: readonly TabName[],
	active: string,
	right: readonly (readonly Span[])[],
	width: number,
): TabLine {
	const wanted = right.filter((spans) => spans.length > 0);
	const least = all.reduce((sum, tab) => sum + textWidth(label(tab, false)), widthOf(wanted[0] ?? []) + 1);
	const tabs = least <= width ? all : all.filter(({ id }) => id === active);
	let fit = titlesIn(width, tabs, active);
	for (let count = wanted.length; count > 0; count--) {
		const taken = wanted.slice(0, count).reduce((sum, spans) => sum + widthOf(spans) + 1, 0);
		fit = titlesIn(width - taken, tabs, active);
		if (fit.titled.size === tabs.length) break;
	}
	const spans: Span[] = [];
	const ends: TabEnd[] = [];
	let end = 0;
	for (const tab of tabs) {
		const text = label(tab, fit.titled.has(tab.id));
		if (fit.gap > 0 && spans.length > 0) spans.push(' ');
		spans.push([tab.id === active ? 'tabActive' : tab.unavailable ? 'dim' : 'tab', text]);
		end += (end > 0 ? fit.gap : 0) + textWidth(text);
		ends.push({ id: tab.id, end });
	}
	const pieces = wanted.map((piece, index) => ({ spans: piece, drop: index + 1, side: 'right' as const })).reverse();
	return { line: statusLine(width, [{ spans, drop: 0 }, ...pieces], 1), ends };
}
