import { afterEach, describe, expect, test } from 'vitest';
import { appearanceOf, paint, type Role, setPalette, themeNames } from '../../src/term/theme.ts';

describe('appearance by the environment', () => {
	const utf8 = { TERM: 'xterm-256color', LANG: 'en_US.UTF-8' };
	const usual = { theme: 'dark', colours: 256, ascii: false };
	test.each([
		[utf8, usual],
		[
			{ ...utf8, NO_COLOR: '1' },
			{ ...usual, theme: 'monochrome' },
		],
		[
			{ ...utf8, LANG: 'C' },
			{ ...usual, ascii: true },
		],
		[{ ...utf8, LANG: 'C', LC_ALL: 'C.utf8' }, usual],
		[
			{ ...utf8, TERM: 'dumb' },
			{ theme: 'monochrome', colours: 16, ascii: true },
		],
		[
			{ ...utf8, TERM: 'linux' },
			{ ...usual, colours: 16, ascii: true },
		],
		[
			{ ...utf8, TERM: 'xterm' },
			{ ...usual, colours: 16 },
		],
		[{ ...utf8, TERM: 'xterm', COLORTERM: 'truecolor' }, usual],
	])('%j', (env, expected) => expect(appearanceOf(env)).toEqual(expected));

	test('options override the environment, NO_COLOR included', () => {
		const choice = { theme: 'light', colours: 16, ascii: true } as const;
		expect(appearanceOf({ ...utf8, NO_COLOR: '1' }, choice)).toEqual(choice);
	});
});

describe('themes', () => {
	afterEach(() => setPalette({ theme: 'dark', colours: 16 }));

	test.each(themeNames.filter((name) => name !== 'monochrome'))(
		'%s: 16 colours need no 256, bars differ from text',
		(theme) => {
			setPalette({ theme, colours: 16 });
			expect(paint('bad', 'x')).not.toContain('38;5');
			expect(new Set(['good', 'warn', 'bad'].map((role) => paint(role as Role, 'x'))).size).toBe(3);
			setPalette({ theme, colours: 256 });
			expect(paint('bad', 'x')).toContain('38;5');
			expect(paint('selected', 'x')).not.toBe(paint('header', 'x'));
		},
	);

	test('monochrome: no colour at all', () => {
		setPalette({ theme: 'monochrome', colours: 256 });
		for (const role of ['good', 'warn', 'bad', 'selected', 'header', 'alert', 'series2'] as const) {
			expect(paint(role, 'x')).not.toMatch(/\x1b\[[0-9;]*\b(3[0-8]|4[0-8]|9[0-7])/);
		}
	});
});
