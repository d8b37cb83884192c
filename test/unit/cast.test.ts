/** The recorded picture of README.md: markup of its frames, and nothing of the machine that made it. */
import { readFileSync, statSync } from 'node:fs';
import { release } from 'node:os';
import { describe, expect, test } from 'vitest';
import { Names } from '../../scripts/cast/names.ts';
import type { Frame, Style } from '../../scripts/cast/screen.ts';
import { castSvg, type Picture, xml } from '../../scripts/cast/svg.ts';

const plain: Style = { text: -1, ground: -1, bold: false, dim: false };
const frame = (...lines: string[]): Frame => ({ rows: lines.map((text) => [{ column: 0, text, style: plain }]) });
const picture = (one: Frame, duration = 1000): Picture => ({ frame: one, keys: '', caption: 'x', duration });
const options = { columns: 40, title: 'title', description: 'description', width: 400 };
const svg = (...pictures: Picture[]): string => castSvg(pictures, options);

/** Every tag closed in order; throws otherwise. */
function wellFormed(text: string): void {
	const open: string[] = [];
	for (const [, end, name, alone] of text.matchAll(/<(\/?)([a-zA-Z]+)(?:\s[^<>]*?)?(\/?)>/g)) {
		if (alone === '/') continue;
		if (end === '') open.push(name as string);
		else if (open.pop() !== name) throw new Error(`</${name}> closes another tag`);
	}
	if (open.length > 0) throw new Error(`<${open.join('><')}> stays open`);
	if (/&(?!#\d+;)/.test(text)) throw new Error('a bare &');
}

describe('markup', () => {
	test.each([
		['</text><script>alert(1)</script>', /<script|<\/text><\/text>/],
		['a & b "c"', /a & b/],
		['\u0000\u001b]0;x\u0007\ufffe', /[\u0000-\u0008\u000e-\u001f\ufffe]/],
	])('%j is text', (text, never) => {
		const made = svg(picture(frame(text)));
		expect(made).not.toMatch(never);
		wellFormed(made);
	});

	test('XML 1.0 allows no control characters and no halves of pairs', () => {
		expect(xml('a\u0001\ud800b<')).toBe('a\ufffd\ufffdb&#60;');
	});

	test('words stand at their columns, blanks between them are not kept by chance', () => {
		const made = svg(picture(frame('  pid    command name')));
		expect(made).toContain('x="20">pid<');
		expect(made).toContain('x="90" textLength="120">command name<');
	});

	test('blocks are shapes without gaps: neighbours share an edge', () => {
		const made = svg(picture(frame('██▌')));
		expect(made).toContain('M0 -16h10v21h-10zM10 -16h10v21h-10zM20 -16h5v21h-5z');
		expect(made).not.toContain('█');
	});

	test('a chart of Braille dots is shapes', () => {
		expect(svg(picture(frame('⡀')))).toContain('d="M1.5 1.25h2v2h-2z"');
	});

	test('a row that occurs twice is defined once', () => {
		const made = svg(picture(frame('the same row', 'one')), picture(frame('the same row', 'two')));
		expect(made.split('the same row')).toHaveLength(2);
		expect(made.match(/<use /g)).toHaveLength(2);
	});

	test('pictures last as long as they are to; nothing moves for those that ask for it', () => {
		const made = svg(picture(frame('a'), 1000), picture(frame('b'), 3000));
		expect(made).toContain('0%{transform:translateX(0px)}25%{transform:translateX(-428px)}');
		expect(made).toContain('animation:s 4s steps(1,end) infinite');
		expect(made).toContain('@media (prefers-reduced-motion:reduce){.s{animation:none}}');
		expect(svg(picture(frame('a')))).not.toContain('animation');
	});
});

describe('nothing of the machine', () => {
	const text = (one: Frame): string[] => one.rows.map((row) => row.map((run) => run.text).join(''));

	test('names of other processes are replaced in as many characters, as whole words', () => {
		const names = new Names(['payroll', 'sed', 'tail', 'rt-worker', 'a.b+c']);
		expect(text(names.replace(frame('payroll 12', 'bypassed Detail', '[sed] rt-worker a.b+c')))).toEqual([
			'proces1 12',
			'bypassed Detail',
			'[pr2] process-4 proc5',
		]);
	});

	test('a kernel says its version, not its build', () => {
		const [line = ''] = text(new Names().replace(frame(`kernel ${release()} 2 CPU`)));
		expect(line).toHaveLength(`kernel ${release()} 2 CPU`.length);
		expect(line).toMatch(/^kernel \d+\.\d+\.\d+/);
	});
});

test.each(['docs/wattlag.svg', 'docs/wattlag-still.svg'])('%s is small, self-contained and well-formed', (path) => {
	const made = readFileSync(path, 'utf8');
	expect(statSync(path).size).toBeLessThanOrEqual(300 * 1024);
	expect(made).not.toMatch(/<script|<foreignObject|<image|href="(?!#)|url\((?!#)|@import|\bon\w+=/i);
	wellFormed(made);
});
