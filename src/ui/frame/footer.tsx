/**
 * Two lines at the bottom: losses, own cost and hints of keys; while the user types, the text and its error, marked
 * under the position.
 */

import { sanitize } from '../../lib/sanitize.ts';
import { textWidth, truncate } from '../../lib/width.ts';
import type { Keymap } from '../../options/keymap.ts';
import type { FilterError } from '../../rows/filter/error.ts';
import type { Span } from '../../term/theme.ts';
import type { TextInput } from '../state/text-input.ts';
import { lineOf, type Piece, statusLine, widthOf } from '../widgets/line.ts';
import { drawn } from '../widgets/lines.tsx';
import { type HintContext, hintSpans } from './hints.ts';
import { type Losses, lostSpans } from './losses.ts';
import { type CostForm, costSpans, type OwnCost } from './own-cost.ts';

/** The text that is typed. */
export interface Prompt {
	kind: 'filter' | 'search' | 'time';
	input: TextInput;
	error: FilterError | null;
	/** Names that complete the word before the caret. */
	candidates: readonly string[];
}

export interface FooterProps {
	/** Since start. */
	losses: Losses;
	cost: OwnCost | null;
	/** Index of the selected row (-1: none), and number of rows. */
	selected: number;
	rows: number;
	/** The filter in use. */
	filter: string;
	/** Its terms that do not apply to this tab. */
	ignored: readonly string[];
	prompt: Prompt | null;
	message: string | null;
	keymap: Keymap;
	hints: HintContext;
	width: number;
	height: number;
}

/** Losses and own cost are always shown; they get shorter first. */
function statusOf({ losses, cost, selected, rows, width }: FooterProps): string {
	const position: Span[] =
		selected >= 0
			? [['strong', `${selected + 1}`], ['dim', '/'], `${rows}`]
			: [`${rows}`, ['dim', rows === 1 ? ' row' : ' rows']];
	const room = width - widthOf(position) - 2;
	const forms: readonly { named: boolean; form: CostForm }[] = [
		{ named: true, form: 'all' },
		{ named: true, form: 'kernel' },
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

/** Losses and own cost for the right edge of another line; losses have priority over all else. */
function shortStatus({ losses, cost, width }: FooterProps): Span[] {
	const lost: Span[] = losses.length > 0 ? ['  ', ...lostSpans(losses, false)] : [];
	const own: Span[] = cost && width >= 40 ? ['  ', ...costSpans(cost, 'sum')] : [];
	return [...lost, ...own];
}

/** Left and right part of a line; the left one is cut. */
function beside(left: readonly Span[], right: readonly Span[], width: number): string {
	const room = width - widthOf(right);
	return lineOf(room, left) + ' '.repeat(Math.max(0, room - widthOf(left))) + lineOf(width, right);
}

/** The filter in use, its terms that do not apply here, and as many key hints as fit. */
function bottomSpans({ filter, ignored, message, keymap, hints }: FooterProps, width: number): Span[] {
	if (message !== null) return [['alert', ` ${sanitize(message)} `]];
	const head: Span[] = [];
	if (filter !== '') head.push(['dim', 'filter '], ['accent', truncate(sanitize(filter), Math.floor(width / 2))], '  ');
	if (ignored.length > 0)
		head.push(['warn', truncate(`ignored here: ${sanitize(ignored.join(', '))}`, Math.floor(width / 2) - 10)], '  ');
	return [...head, ...hintSpans(keymap, hints, Math.max(0, width - widthOf(head)))];
}

/** Text that does not fit is cut on the left: the caret stays in sight. */
function promptSpans({ kind, input, error }: Prompt, width: number): { spans: Span[]; errorAt: number } {
	const sign = { filter: '/', search: '\\', time: 'time: ' }[kind];
	const before = Array.from(sanitize(input.text.slice(0, input.caret)));
	while (textWidth(before.join('')) > Math.max(1, width - 4)) before.shift();
	const [at = ' ', ...after] = Array.from(sanitize(input.text.slice(input.caret)));
	const hidden = textWidth(sanitize(input.text.slice(0, input.caret))) - textWidth(before.join(''));
	const spans: Span[] = [['strong', sign], before.join(''), ['selected', at], after.join('')];
	const position = error ? textWidth(sanitize(input.text.slice(0, error.start))) : 0;
	return { spans, errorAt: Math.max(0, sign.length + position - hidden) };
}

/** The message beside a mark under the error: right of it, or left of it where there is more room. */
function errorLine(message: string, errorAt: number, width: number): string {
	const at = Math.min(errorAt, width - 1);
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
	const words = {
		filter: 'Enter keeps, Esc clears   name, or column = != < > ~ value, and or not ( )   Tab: columns',
		search: 'Enter keeps, Esc leaves   then n, N: next and previous match',
		time: 'Enter goes there, Esc leaves   14:02   14:02:10   2026-01-02 14:02   -5m   +30s',
	};
	return lineOf(width, [['dim', words[prompt.kind]]]);
}

function promptLines(prompt: Prompt, props: FooterProps): string[] {
	const { message, width, height } = props;
	const status = shortStatus(props);
	const { spans, errorAt } = promptSpans(prompt, width - widthOf(status));
	const line = beside(spans, status, width);
	const problem = message ?? (prompt.error && sanitize(prompt.error.message));
	// the typed text stays in sight, also where text and error share a line
	if (height < 2) return [problem === null ? line : beside([...spans, ' ', ['bad', problem]], status, width)];
	if (message !== null) return [line, lineOf(width, [['warn', sanitize(message)]])];
	return [line, problem === null ? promptHelp(prompt, width) : errorLine(problem, errorAt, width)];
}

function footerLines(props: FooterProps): string[] {
	const { prompt, width, height } = props;
	if (prompt) return promptLines(prompt, props);
	if (height >= 2) return [statusOf(props), lineOf(width, bottomSpans(props, width))];
	const status = shortStatus(props);
	return [beside(bottomSpans(props, width - widthOf(status)), status, width)];
}

export const Footer = drawn(footerLines);
