/**
 * Colour by role, in a theme. Every theme has a palette of 16 colours and one of 256; without colour (NO_COLOR,
 * an old TERM) the same roles fall back to inverse, bold and faint.
 */
import type { SafeText } from '../lib/sanitize.ts';

/**
 * SGR parameters by role; its keys are the roles. The 16 colours are the terminal's own, so this palette suits dark and
 * light backgrounds.
 */
const dark16 = {
	plain: '',
	strong: '1',
	// Faint rather than bright black, which in some palettes is the colour of the background.
	dim: '2',
	brand: '1;36',
	good: '32',
	warn: '33',
	bad: '31',
	accent: '36',
	tab: '',
	tabActive: '30;46',
	header: '30;42',
	headerSort: '30;46',
	selected: '30;46',
	hint: '30;46',
	alert: '30;43',
	series1: '32',
	series2: '33',
	series3: '36',
};

export type Role = keyof typeof dark16;
type Palette = Readonly<Record<Role, string>>;

const monochrome: Palette = {
	plain: '',
	strong: '1',
	dim: '2',
	brand: '1',
	good: '',
	warn: '1',
	bad: '1',
	accent: '',
	tab: '',
	tabActive: '7',
	header: '7',
	headerSort: '1;7',
	selected: '7',
	hint: '7',
	alert: '1;7',
	series1: '',
	series2: '1',
	series3: '2',
};

const fg = (colour: number) => `38;5;${colour}`;
const bars = (text: number, bar: number) => `38;5;${text};48;5;${bar}`;

const dark256: Palette = {
	...dark16,
	brand: `1;${fg(80)}`,
	good: fg(114),
	warn: fg(221),
	bad: fg(203),
	accent: fg(80),
	tabActive: bars(16, 80),
	header: bars(16, 108),
	headerSort: bars(16, 80),
	selected: bars(16, 80),
	hint: bars(16, 73),
	alert: bars(16, 221),
	series1: fg(114),
	series2: fg(221),
	series3: fg(80),
};

/** For light backgrounds, on which yellow and light green are not legible. */
const light16: Palette = {
	...dark16,
	brand: '1;34',
	accent: '34',
	warn: '35',
	tabActive: '97;44',
	header: '97;42',
	headerSort: '97;44',
	selected: '97;44',
	hint: '97;44',
	alert: '97;45',
	series2: '35',
	series3: '34',
};

const light256: Palette = {
	...light16,
	brand: `1;${fg(25)}`,
	good: fg(28),
	warn: fg(130),
	bad: fg(160),
	accent: fg(25),
	tabActive: bars(231, 25),
	header: bars(231, 65),
	headerSort: bars(231, 25),
	selected: bars(231, 25),
	hint: bars(231, 67),
	alert: bars(231, 130),
	series1: fg(28),
	series2: fg(130),
	series3: fg(25),
};

/**
 * Good to bad is blue, yellow, bright orange-red: apart in hue and in lightness for red-green blindness (colours near
 * those of Okabe and Ito).
 */
const colourBlind16: Palette = {
	...dark16,
	good: '34',
	bad: '1;35',
	header: '30;47',
	series1: '34',
	series3: '35',
};

const colourBlind256: Palette = {
	...dark256,
	good: fg(74),
	warn: fg(221),
	bad: `1;${fg(202)}`,
	header: bars(16, 250),
	series1: fg(74),
	series2: fg(221),
	series3: fg(175),
};

/** A theme is one entry: the options, their documentation and the tests read this table. */
export const themes = {
	dark: { 16: dark16, 256: dark256 },
	light: { 16: light16, 256: light256 },
	monochrome: { 16: monochrome, 256: monochrome },
	'colour-blind': { 16: colourBlind16, 256: colourBlind256 },
} as const satisfies Record<string, Record<16 | 256, Palette>>;

export type ThemeName = keyof typeof themes;
export const themeNames = Object.keys(themes) as ThemeName[];

/** Colours and glyphs for this terminal. */
export interface Appearance {
	theme: ThemeName;
	colours: 16 | 256;
	/** Only 7-bit characters. */
	ascii: boolean;
}

/** The user's options; `auto`: from the environment. */
export interface AppearanceChoice {
	theme: ThemeName | 'auto';
	colours: 16 | 256 | 'auto';
	ascii: boolean;
}

const automatic: AppearanceChoice = { theme: 'auto', colours: 'auto', ascii: false };

/** Reads NO_COLOR, TERM, COLORTERM, and the locale (LC_ALL before LC_CTYPE before LANG). */
export function appearanceOf(
	env: Record<string, string | undefined>,
	choice: AppearanceChoice = automatic,
): Appearance {
	const term = env.TERM ?? '';
	const locale = env.LC_ALL || env.LC_CTYPE || env.LANG || '';
	const coloured = !env.NO_COLOR && term !== 'dumb' && term !== '' && !/^vt[12]/.test(term);
	const many = /256|direct|kitty|alacritty|ghostty/.test(term) || Boolean(env.COLORTERM);
	// The linux console is UTF-8 but its font has neither braille nor most blocks.
	const ascii = term === 'dumb' || term === '' || term === 'linux' || !/utf-?8/i.test(locale);
	return {
		theme: choice.theme !== 'auto' ? choice.theme : coloured ? 'dark' : 'monochrome',
		colours: choice.colours !== 'auto' ? choice.colours : many ? 256 : 16,
		ascii: choice.ascii || ascii,
	};
}

let palette: Palette = dark16;

/** Called once, before the first frame. */
export function setPalette({ theme, colours }: Pick<Appearance, 'theme' | 'colours'>): void {
	palette = themes[theme][colours];
}

/** Text in a role. Roles do not nest. */
export function paint(role: Role, text: string): string {
	const sgr = palette[role];
	return sgr === '' || text === '' ? text : `\x1b[${sgr}m${text}\x1b[m`;
}

/** Text with a role, or plain. */
export type Span = string | SafeText | readonly [Role, string | SafeText];
