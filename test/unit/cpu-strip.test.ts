import { expect, test } from 'vitest';
import { cpusPerCell, foldCpus, perCellText } from '../../src/ui/widgets/cpu-strip.ts';
import { levelGlyph } from '../../src/ui/widgets/marks.ts';

test('more CPUs than cells: neighbours share one, and none is left out', () => {
	expect([1, 8, 9, 256].map((cpus) => cpusPerCell(cpus, 8))).toEqual([1, 1, 2, 32]);
	expect(cpusPerCell(256, -5)).toBe(256);
	for (const cpus of [1, 2, 7, 128, 255, 256]) {
		for (const cells of [1, 8, 13, 60, 300]) {
			const perCell = cpusPerCell(cpus, cells);
			for (const hot of [0, cpus >> 1, cpus - 1]) {
				const values = Array.from({ length: cpus }, (_, cpu) => (cpu === hot ? 0.9 : 0.1));
				const folded = foldCpus(values, perCell);
				expect(folded.length).toBeLessThanOrEqual(cells);
				expect(folded.indexOf(0.9)).toBe(Math.floor(hot / perCell));
			}
		}
	}
	expect([1, 4].map(perCellText)).toEqual(['per CPU', 'per 4 CPUs']);
});

test('every value above 0 is visible', () => {
	expect([0, 1e-6, 0.5, 1, 1.2].map(levelGlyph)).toEqual(['·', '▁', '▄', '█', '█']);
});
