/**
 * Two lines at the bottom: what is lost and what the tool itself costs, and the keys; while something is typed, that,
 * and what is wrong with it under the place.
 */

import { sanitize } from '../../lib/sanitize.ts';
import { textWidth, truncate } from '../../lib/width.ts';
import type { Keymap } from '../../options/keymap.ts';
import type { FilterError } from '../../rows/filter/error.ts';
import type { Span } from '../../term/theme.ts';
import type { TextInput } from '../state/text-input.ts';
import { lineOf, type Piece, statusLine, widthOf } from '../widgets/line.ts';
import { drawn } from '../widgets/lines.tsx';
import { type Front, hintSpans } from './hints.ts';
import { type Losses, lostSpans } from './losses.ts';
import { type CostForm, costSpans, type OwnCost } from './own-cost.ts';

/** What is being typed. */
export interface Prompt {
	kind: 'filter' | 'search';
	input: TextInput;
	error: FilterError | null;
	/** Names that the word before the caret could become. */
	candidates: readonly string[];
}

export interface FooterProps {
	/** Since start. */
	losses: Losses;
	cost: OwnCost | null;
	/** Position and number of rows; selected -1: none. */
	selected: number;
	rows: number;
	/** The filter in use. */
	filter: string;
	/** Its terms that mean nothing on this tab. */
	ignored: readonly string[];
	prompt: Prompt | null;
	message: string | null;
	keymap: Keymap;
	front: Front;
	width: number;
	height: number;
}

/** Losses and own cost always stay; they get shorter first. */
function statusOf({ losses, cost, selected, rows, width }: FooterProps): string {
	const position: Span[] =
		selected >= 0
			? [['strong', `${selected + 1}`], ['dim', '/'], `${rows}`]
			: [`${rows}`, ['dim', rows === 1 ? ' row' : ' rows']];
	const room = width - widthOf(position) - 2;
	const forms: readonly { named: boolean; form: CostForm }[] = [
		{ named: true, form: 'all' },
		{ named: true, form: 'words' },
		{ named: true, form: 'figures' },
		{ named: false, form: 'figures' },
		{ named: false, form: 'sum' },
	];
	const fits = ({ named, form }: (typeof forms)[number]) =>
		widthOf(lostSpans(losses, named)) + 2 + widthOf(costSpans(cost, form)) <= room;
	const { named, form } = forms.find(fits) ?? { named: false, form: 'sum' };
	const pieces: Piece[] = [
		{ spans: position, drop: 3 },
		{ spans: lostSpans(losses, named), drop: 0 },
		{ spans: costSpans(cost, form), drop: 1, side: 'right' },
	];
	return statusLine(width, pieces);
}

/** Both where another line takes their place, for its right edge: what was lost goes before everything. */
function shortStatus({ losses, cost, width }: FooterProps): Span[] {
	const lost: Span[] = losses.length > 0 ? ['  ', ...lostSpans(losses, false)] : [];
	const own: Span[] = cost && width >= 40 ? ['  ', ...costSpans(cost, 'sum')] : [];
	return [...lost, ...own];
}

/** As much of the left as the right leaves. */
function beside(left: readonly Span[], right: readonly Span[], width: number): string {
	const room = width - widthOf(right);
	return lineOf(room, left) + ' '.repeat(Math.max(0, room - widthOf(left))) + lineOf(width, right);
}

/** The filter in use, what of it does not apply here, and as many key hints as fit. */
function bottomSpans({ filter, ignored, message, keymap, front }: FooterProps, width: number): Span[] {
	if (message !== null) return [['alert', ` ${sanitize(message)} `]];
	const head: Span[] = [];
	if (filter !== '') head.push(['dim', 'filter '], ['accent', truncate(sanitize(filter), Math.floor(width / 2))], '  ');
	if (ignored.length > 0)
		head.push(['warn', truncate(`ignored here: ${sanitize(ignored.join(', '))}`, Math.floor(width / 2) - 10)], '  ');
	return [...head, ...hintSpans(keymap, front, Math.max(0, width - widthOf(head)))];
}

/** Text that would not fit is cut on the left: the caret stays in sight. */
function promptSpans({ kind, input, error }: Prompt, width: number): { spans: Span[]; placeAt: number } {
	const sign = kind === 'filter' ? '/' : '\\';
	const before = Array.from(sanitize(input.text.slice(0, input.caret)));
	while (textWidth(before.join('')) > Math.max(1, width - 4)) before.shift();
	const [at = ' ', ...after] = Array.from(sanitize(input.text.slice(input.caret)));
	const hidden = textWidth(sanitize(input.text.slice(0, input.caret))) - textWidth(before.join(''));
	const spans: Span[] = [['strong', sign], before.join(''), ['selected', at], after.join('')];
	const place = error ? textWidth(sanitize(input.text.slice(0, error.start))) : 0;
	return { spans, placeAt: Math.max(0, 1 + place - hidden) };
}

/** The message beside a mark under the place: to the right of it, or to the left where there is more room. */
function errorLine(message: string, placeAt: number, width: number): string {
	const at = Math.min(placeAt, width - 1);
	const right = width - at - 2;
	if (textWidth(message) <= right || right >= at - 1) {
		return lineOf(width, [' '.repeat(at), ['bad', `^ ${truncate(message, right)}`]]);
	}
	const text = truncate(message, at - 1);
	return lineOf(width, [' '.repeat(at - 1 - textWidth(text)), ['bad', `${text} ^`]]);
}

function promptHelp(prompt: Prompt, width: number): string {
	if (prompt.candidates.length > 0)
		return lineOf(width, [
			['dim', 'Tab: '],
			['accent', prompt.candidates.join('  ')],
		]);
	const words =
		prompt.kind === 'filter'
			? 'Enter keeps, Esc clears   name, or column = != < > ~ value, and or not ( )   Tab: columns'
			: 'Enter keeps, Esc leaves   afterwards n and N go on';
	return lineOf(width, [['dim', words]]);
}

function promptLines(prompt: Prompt, props: FooterProps): string[] {
	const { message, width, height } = props;
	const status = shortStatus(props);
	const { spans, placeAt } = promptSpans(prompt, width - widthOf(status));
	const line = beside(spans, status, width);
	const problem = message ?? (prompt.error && sanitize(prompt.error.message));
	// what is typed stays in sight, also where there is one line for both
	if (height < 2) return [problem === null ? line : beside([...spans, ' ', ['bad', problem]], status, width)];
	if (message !== null) return [line, lineOf(width, [['warn', sanitize(message)]])];
	return [line, problem === null ? promptHelp(prompt, width) : errorLine(problem, placeAt, width)];
}

function footerLines(props: FooterProps): string[] {
	const { prompt, width, height } = props;
	if (prompt) return promptLines(prompt, props);
	if (height >= 2) return [statusOf(props), lineOf(width, bottomSpans(props, width))];
	const status = shortStatus(props);
	return [beside(bottomSpans(props, width - widthOf(status)), status, width)];
}

export const Footer = drawn(footerLines);
