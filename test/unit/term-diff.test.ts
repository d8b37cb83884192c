/** The diff against a terminal emulator: whatever was on the screen, the bytes make it the next frame. */
import xterm from '@xterm/headless';
import { describe, expect, test } from 'vitest';
import { type Cells, parseCells } from '../../src/term/cells.ts';
import { diffFrames } from '../../src/term/diff.ts';
import { erasesInColour } from '../../src/term/terminal.ts';
import { generator } from '../lib/random.ts';

const size = { columns: 30, rows: 6 };

function frame(lines: readonly string[]): Cells[] {
	return lines.map((line) => parseCells(line, size.columns));
}

class Emulator {
	private readonly terminal = new xterm.Terminal({ cols: size.columns, rows: size.rows, allowProposedApi: true });

	async write(bytes: string): Promise<void> {
		await new Promise<void>((resolve) => this.terminal.write(bytes, resolve));
	}

	/** Text and style of every cell. */
	cells(): string[] {
		const out: string[] = [];
		for (let y = 0; y < size.rows; y++) {
			const line = this.terminal.buffer.active.getLine(y);
			for (let x = 0; x < size.columns; x++) {
				const cell = line?.getCell(x);
				const glyph = cell?.getChars() || (cell?.getWidth() === 0 ? '' : ' ');
				// of a blank one sees the background only
				const seen = glyph === ' ' && !cell?.isInverse() ? '' : `${cell?.getFgColor()}|${cell?.isBold()}`;
				out.push(`${glyph}|${cell?.getBgColor()}|${cell?.isInverse()}|${cell?.isUnderline()}|${seen}`);
			}
		}
		return out;
	}
}

const autowrapOff = '\x1b[?7l';

/** `colourErase`: the setting of the diff; the emulator erases in colour. */
async function shown(frames: readonly (readonly string[])[], colourErase = false): Promise<string[]> {
	const emulator = new Emulator();
	await emulator.write(autowrapOff);
	let previous: Cells[] | null = null;
	for (const lines of frames) {
		const next = frame(lines);
		await emulator.write(diffFrames(previous, next, size, colourErase));
		previous = next;
	}
	return emulator.cells();
}

describe('diff', () => {
	test('nothing changed, nothing written', () => {
		const lines = ['hello', '\x1b[32mgreen\x1b[m'];
		expect(diffFrames(frame(lines), frame(lines), size)).toBe('');
	});

	test('one changed number costs a few bytes', () => {
		const bytes = diffFrames(frame(['load 0.12 x']), frame(['load 0.15 x']), size);
		expect(bytes.length).toBeLessThan(10);
		expect(bytes).toContain('5');
	});

	test('a shorter line is erased to its end', () => {
		expect(diffFrames(frame(['hello world']), frame(['hello']), size)).toContain('\x1b[K');
	});

	test('a row of which everything changes is erased first where that is shorter', async () => {
		const gaps = `a${' '.repeat(12)}b${' '.repeat(12)}c`;
		const selected = `\x1b[30;46m${gaps.padEnd(30)}\x1b[m`;
		expect(diffFrames(frame([selected]), frame([gaps]), size).length).toBeLessThan(25);
		expect(diffFrames(frame([gaps]), frame([selected]), size, true).length).toBeLessThan(35);
		// inverse blanks cannot be erased to, nor coloured ones on any terminal
		expect(diffFrames(frame([gaps]), frame([`\x1b[7m${gaps.padEnd(30)}`]), size, true)).not.toContain('\x1b[K');
		expect(diffFrames(frame([gaps]), frame([selected]), size, false)).not.toContain('\x1b[K');
	});

	test('the style of glyphs does not follow them through blanks', () => {
		const bytes = diffFrames(frame(['']), frame(['\x1b[2mone \x1b[m\x1b[2mtwo\x1b[m']), size);
		expect(bytes).toContain('one two');
	});

	test('leaves the default style behind', () => {
		const bytes = diffFrames(null, frame(['\x1b[1;31mred']), size);
		expect(bytes.endsWith('\x1b[m')).toBe(true);
	});

	test.each([
		['decomposed Hangul over text', ['x'.repeat(12)], ['\u1112\u1161\u11ab\u1100\u1173 ab']],
		['text over decomposed Hangul', ['\u1112\u1161\u11ab\u1100\u1173 ab'], ['abcd ab']],
		['wide over narrow', ['abcdef'], ['a日本f']],
		['narrow over wide', ['a日本f'], ['abcdef']],
		['half of a wide glyph', ['日本語'], ['a日本b']],
		['the last column', ['x'.repeat(30)], ['y'.repeat(30)]],
		['wide at the right edge', ['x'.repeat(30)], [`${'y'.repeat(28)}日`]],
		['style only', ['plain'], ['\x1b[7mplain']],
		['blank with a background', ['abc'], ['\x1b[42m   \x1b[m']],
		['gone lines', ['a', 'b', 'c'], ['a']],
	])('%s', async (_name, before, after) => {
		expect(await shown([before, after])).toEqual(await shown([after]));
		expect(await shown([before, after], true)).toEqual(await shown([after]));
	});

	test('any frame after any other', async () => {
		const random = generator(7);
		const pieces = [
			'abc',
			'12.3ms',
			' ',
			'    ',
			'日本',
			'\x1b[32m',
			'\x1b[m',
			'\x1b[7m',
			'\x1b[1;30;46m',
			'\x1b[38;5;16;48;5;80m',
			'\x1b[2;4m',
			' '.repeat(12),
			' '.repeat(30),
			'█▌',
			'⣿',
			'e\u0301',
			'\u1112\u1161\u11ab',
			'–',
			'👍',
		];
		const any = () =>
			Array.from({ length: 1 + Math.floor(random() * size.rows) }, () =>
				Array.from({ length: Math.floor(random() * 14) }, () => pieces[Math.floor(random() * pieces.length)]).join(''),
			);
		const frames: string[][] = [];
		for (let i = 0; i < 60; i++) {
			frames.push(any());
			const last = frames.slice(-4);
			const expected = await shown(frames.slice(-1));
			expect(await shown(last), JSON.stringify(last)).toEqual(expected);
			expect(await shown(last, true), JSON.stringify(last)).toEqual(expected);
		}
	});
});

test('erasing in colour is expected of terminals that do it', () => {
	for (const term of [
		'xterm',
		'xterm-256color',
		'linux',
		'tmux-256color',
		'screen-256color-bce',
		'rxvt-unicode',
		'st-256color',
	])
		expect(erasesInColour(term), term).toBe(true);
	for (const term of ['', 'dumb', 'screen', 'screen-256color', 'vt100', 'vt220', 'ansi', 'cygwin'])
		expect(erasesInColour(term), term).toBe(false);
});
