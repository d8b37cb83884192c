import { afterEach, describe, expect, test } from 'vitest';
import { lookOf, paint, type Role, setLook } from '../../src/term/theme.ts';

describe('what the terminal can show', () => {
	const utf8 = { TERM: 'xterm-256color', LANG: 'en_US.UTF-8' };
	const look = { theme: 'dark', colours: 256, ascii: false };
	test.each([
		[utf8, look],
		[
			{ ...utf8, NO_COLOR: '1' },
			{ ...look, theme: 'monochrome' },
		],
		[
			{ ...utf8, LANG: 'C' },
			{ ...look, ascii: true },
		],
		[{ ...utf8, LANG: 'C', LC_ALL: 'C.utf8' }, look],
		[
			{ ...utf8, TERM: 'dumb' },
			{ theme: 'monochrome', colours: 16, ascii: true },
		],
		[
			{ ...utf8, TERM: 'linux' },
			{ ...look, colours: 16, ascii: true },
		],
		[
			{ ...utf8, TERM: 'xterm' },
			{ ...look, colours: 16 },
		],
		[{ ...utf8, TERM: 'xterm', COLORTERM: 'truecolor' }, look],
	])('%j', (env, expected) => expect(lookOf(env)).toEqual(expected));

	test('what the user chose counts more, also than NO_COLOR', () => {
		const choice = { theme: 'light', colours: 16, ascii: true } as const;
		expect(lookOf({ ...utf8, NO_COLOR: '1' }, choice)).toEqual(choice);
	});
});

describe('themes', () => {
	afterEach(() => setLook({ theme: 'dark', colours: 16 }));

	test.each(['dark', 'light', 'colour-blind'] as const)(
		'%s: 16 colours need no 256, bars are told from text',
		(theme) => {
			setLook({ theme, colours: 16 });
			expect(paint('bad', 'x')).not.toContain('38;5');
			expect(new Set(['good', 'warn', 'bad'].map((role) => paint(role as Role, 'x'))).size).toBe(3);
			setLook({ theme, colours: 256 });
			expect(paint('bad', 'x')).toContain('38;5');
			expect(paint('selected', 'x')).not.toBe(paint('header', 'x'));
		},
	);

	test('monochrome: no colour at all', () => {
		setLook({ theme: 'monochrome', colours: 256 });
		for (const role of ['good', 'warn', 'bad', 'selected', 'header', 'alert', 'series2'] as const) {
			expect(paint(role, 'x')).not.toMatch(/\x1b\[[0-9;]*\b(3[0-8]|4[0-8]|9[0-7])/);
		}
	});
});
