import { describe, expect, test } from 'vitest';
import { asciiGlyph } from '../../src/lib/ascii.ts';
import { fitCells, textWidth, truncate } from '../../src/lib/width.ts';
import { parseCells } from '../../src/term/cells.ts';

const text = (line: string, columns = 80) => parseCells(line, columns).glyphs.join('');

describe('cells of a line', () => {
	test('styles are canonical', () => {
		const a = parseCells('\x1b[1m\x1b[32mx', 80);
		const b = parseCells('\x1b[32;1mx', 80);
		expect(a.styles[0]).toBe('1;32');
		expect(b.styles[0]).toBe(a.styles[0]);
		expect(parseCells('\x1b[1;32mx\x1b[22my\x1b[39mz', 80).styles).toEqual(['1;32', '32', '']);
		expect(parseCells('\x1b[38;5;200mx\x1b[48;2;1;2;3my\x1b[mz', 80).styles).toEqual([
			'38;5;200',
			'38;5;200;48;2;1;2;3',
			'',
		]);
	});

	test('nothing but SGR and printable characters gets through', () => {
		expect(text('a\x1b]0;title\x07b')).toBe('a]0;titleb');
		expect(text('a\x1b[2Jb\x1b[5;5Hc')).toBe('a[2Jb[5;5Hc');
		expect(text('a\u009b2Jb\x7fc\rd\ne\tf')).toBe('a2Jbcdef');
		expect(text('a\x1b')).toBe('a');
	});

	test('wide glyphs take two cells and are not cut in half', () => {
		expect(parseCells('a日b', 80).glyphs).toEqual(['a', '日', '', 'b']);
		expect(parseCells('a日b', 2).glyphs).toEqual(['a', ' ']);
		expect(parseCells('ae\u0301b', 80).glyphs).toEqual(['a', 'e\u0301', 'b']);
	});

	test('in ASCII every cell is one ASCII character', () => {
		const glyphs = parseCells('µs – 日本 █▌⣿│─▼…±é', 80, true).glyphs;
		expect(glyphs.join('')).toMatch(/^[\x20-\x7e]+$/);
		expect(glyphs.every((glyph) => glyph.length === 1)).toBe(true);
		expect(asciiGlyph('µ')).toBe('u');
	});
});

describe('width', () => {
	test('counts cells', () => {
		expect(textWidth('abc')).toBe(3);
		expect(textWidth('日本')).toBe(4);
		expect(textWidth('e\u0301')).toBe(1);
		expect(textWidth('⣿█│µ–')).toBe(5);
	});

	test('truncate and fit give exactly what was asked for', () => {
		expect(truncate('abcdef', 4)).toBe('abc…');
		expect(truncate('日本語', 4)).toBe('日…');
		expect(truncate('abc', 0)).toBe('');
		for (const value of ['', 'abc', '日本語の名前', 'e\u0301e\u0301e\u0301', '▼WATTS']) {
			for (let width = 0; width < 12; width++) {
				expect(textWidth(fitCells(value, width)), `${value} in ${width}`).toBe(width);
				expect(textWidth(fitCells(value, width, 'right')), `${value} in ${width}`).toBe(width);
			}
		}
	});
});
