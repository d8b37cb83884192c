/**
 * Colour by role. 16 colours that work on dark and light backgrounds; without colour (NO_COLOR, TERM=dumb) the same
 * roles fall back to inverse, bold and dim.
 */
import type { SafeText } from '../sanitize.ts';

export type Role =
	| 'plain'
	| 'strong'
	| 'dim'
	| 'brand'
	| 'good'
	| 'warn'
	| 'bad'
	| 'accent'
	| 'tab'
	| 'tabActive'
	| 'header'
	| 'headerSort'
	| 'selected'
	| 'hint'
	| 'alert'
	| 'series1'
	| 'series2'
	| 'series3';

/** SGR parameters. */
type Palette = Record<Role, string>;

const colours: Palette = {
	plain: '',
	strong: '1',
	// Faint rather than bright black, which some palettes make the colour of the background.
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

/** What the terminal can show. */
export interface Look {
	colour: boolean;
	/** Only 7-bit characters. */
	ascii: boolean;
}

/** Read from the environment: NO_COLOR, TERM, and the locale (LC_ALL before LC_CTYPE before LANG). */
export function lookOf(env: Record<string, string | undefined>): Look {
	const term = env.TERM ?? '';
	const locale = env.LC_ALL || env.LC_CTYPE || env.LANG || '';
	const colour = !env.NO_COLOR && term !== 'dumb' && term !== '' && !term.startsWith('vt1') && !term.startsWith('vt2');
	// The linux console is UTF-8 but its font has neither braille nor most blocks.
	const ascii = term === 'dumb' || term === '' || term === 'linux' || !/utf-?8/i.test(locale);
	return { colour, ascii };
}

let palette = colours;

/** Once, before the first frame. */
export function setLook(look: Look): void {
	palette = look.colour ? colours : monochrome;
}

/** Text in a role. Roles do not nest. */
export function paint(role: Role, text: string): string {
	const sgr = palette[role];
	return sgr === '' || text === '' ? text : `\x1b[${sgr}m${text}\x1b[m`;
}

/** Text with a role, or plain. */
export type Span = string | SafeText | readonly [Role, string | SafeText];
