/** The line of the tabs at all widths: nothing cut, no digit missing, titles before what is said at the right edge. */
import { describe, expect, test } from 'vitest';
import { textWidth } from '../../src/lib/width.ts';
import type { Span } from '../../src/term/theme.ts';
import { tabLine } from '../../src/ui/frame/tab-line.ts';
import { widthOf } from '../../src/ui/widgets/line.ts';

const titles = ['Overview', 'Energy', 'Run queue', 'Interrupts', 'Disk IO', 'Receive'];
const tabs = titles.map((title, index) => ({ id: title, digit: String(index), title, unavailable: false }));
const live: readonly Span[] = [['good', '● 1s']];
const paused: readonly Span[] = [['alert', ' PAUSED 12:00:30, 30s back ']];
const baseline: readonly Span[] = [['accent', 'Δ 12:00:30']];
const group: readonly Span[] = [['dim', 'by '], 'process'];

function plain(line: string): string {
	return line.replace(/\x1b\[[0-9;]*m/g, '');
}

function drawn(active: string, right: (readonly Span[])[], width: number): string {
	return plain(tabLine(tabs, active, right, width).line);
}

test('six titles and the interval fit into 80 columns, the grouping goes first', () => {
	expect(drawn('Overview', [live, [], group], 80)).toBe(
		' 0 Overview  1 Energy  2 Run queue  3 Interrupts  4 Disk IO  5 Receive      ● 1s',
	);
	expect(drawn('Overview', [live, [], group], 100)).toContain(
		' 0 Overview   1 Energy   2 Run queue   3 Interrupts   4 Disk IO   5 Receive ',
	);
	expect(drawn('Overview', [live, [], group], 100)).toContain('by process ● 1s');
});

test('titles near the active one stay longest', () => {
	expect(drawn('Interrupts', [paused, [], group], 80)).toMatch(
		/^ 0 +1 +2 Run queue +3 Interrupts +4 Disk IO +5 +PAUSED/,
	);
	expect(drawn('Interrupts', [live], 40)).toMatch(/^ 0 +1 +2 +3 Interrupts +4 +5 +● 1s$/);
});

test('a screen too narrow for all digits says what the figures are', () => {
	expect(drawn('Energy', [paused, [], group], 40)).toMatch(/^ 1 Energy +PAUSED 12:00:30, 30s back $/);
});

describe.each([
	['live', live],
	['paused', paused],
] as const)('%s', (_name, badge) => {
	test.each(titles)('%s in front: nothing cut, at any width', (active) => {
		for (let width = 20; width <= 220; width++) {
			const { line, ends } = tabLine(tabs, active, [badge, baseline, group], width);
			const text = plain(line);
			expect(textWidth(text)).toBeLessThanOrEqual(width);
			expect(text).not.toContain('…');
			let start = 0;
			for (const { id, end } of ends) {
				const digit = String(titles.indexOf(id));
				expect(text.slice(start, end).trim()).toMatch(new RegExp(`^${digit}( ${id})?$`));
				start = end;
			}
			if (width >= 18 + widthOf(badge) + 1) expect(ends).toHaveLength(titles.length);
		}
	});
});
