/**
 * Two lines at the bottom: what is lost and what the tool itself costs, and the keys; while something is typed, that,
 * and what is wrong with it under the place.
 */
import type { FilterError } from '../../filter/error.ts';
import { formatBytes, formatCount, formatShare } from '../../format.ts';
import { sanitize } from '../../sanitize.ts';
import type { Snapshot } from '../../snapshot.ts';
import { textWidth, truncate } from '../../term/width.ts';
import type { Keymap } from '../keymap.ts';
import type { TextInput } from '../state/text-input.ts';
import type { Span } from '../theme.ts';
import { lineOf, type Piece, statusLine, widthOf } from '../widgets/line.ts';
import { drawn } from '../widgets/lines.tsx';
import { type Front, hintLine } from './hints.ts';

export interface OwnCost {
	/** BPF programs of all tabs and the whole process, as shares of one CPU. */
	bpf: number;
	cpu: number;
	rssBytes: number;
}

/** Of the newest snapshots of all tabs; null before the first. */
export function costOf(snapshots: readonly (Snapshot | undefined)[]): OwnCost | null {
	let cost: OwnCost | null = null;
	for (const snapshot of snapshots) {
		if (!snapshot || !(snapshot.dt_ns > 0)) continue;
		const bpf: number = (cost?.bpf ?? 0) + snapshot.cost.bpf_ns / snapshot.dt_ns;
		cost = { bpf, cpu: snapshot.cost.cpu_ns / snapshot.dt_ns, rssBytes: snapshot.cost.rss_bytes };
	}
	return cost;
}

/** What is being typed. */
export interface Prompt {
	kind: 'filter' | 'search';
	input: TextInput;
	error: FilterError | null;
	/** Names that the word before the caret could become. */
	candidates: readonly string[];
}

export interface FooterProps {
	/** Lost since start by cause. */
	lost: Readonly<Record<string, number>>;
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

function lostSpans(lost: FooterProps['lost'], named: boolean): Span[] {
	const causes = Object.entries(lost).filter(([, count]) => count > 0);
	if (causes.length === 0) return [['dim', 'lost 0']];
	const total = causes.reduce((sum, [, count]) => sum + count, 0);
	return [
		[
			'bad',
			`lost ${named ? causes.map(([cause, count]) => `${cause} ${formatCount(count)}`).join(', ') : formatCount(total)}`,
		],
	];
}

function costSpans(cost: OwnCost | null, words: boolean): Span[] {
	if (!cost) return [];
	return [
		['dim', words ? 'own cost: BPF ' : 'own BPF '],
		formatShare(cost.bpf),
		['dim', ' CPU '],
		formatShare(cost.cpu),
		['dim', words ? ' RSS ' : ' '],
		formatBytes(cost.rssBytes, words ? 'full' : 'short'),
	];
}

/** Losses and own cost always stay; they get shorter first. */
function statusOf({ lost, cost, selected, rows, width }: FooterProps): string {
	const position: Span[] =
		selected >= 0
			? [['strong', `${selected + 1}`], ['dim', '/'], `${rows}`]
			: [`${rows}`, ['dim', rows === 1 ? ' row' : ' rows']];
	const room = width - widthOf(position) - 2;
	const forms = [
		{ named: true, words: true },
		{ named: true, words: false },
		{ named: false, words: false },
	] as const;
	const fits = ({ named, words }: (typeof forms)[number]) =>
		widthOf(lostSpans(lost, named)) + 2 + widthOf(costSpans(cost, words)) <= room;
	const form = forms.find(fits) ?? forms[2];
	const pieces: Piece[] = [
		{ spans: position, drop: 3 },
		{ spans: lostSpans(lost, form.named), drop: 0 },
		{ spans: costSpans(cost, form.words), drop: 1, side: 'right' },
	];
	return statusLine(width, pieces);
}

/** The filter in use, what of it does not apply here, and as many key hints as fit. */
function bottomLine({ filter, ignored, message, keymap, front, width }: FooterProps): string {
	if (message !== null) return lineOf(width, [['alert', ` ${sanitize(message)} `]]);
	const head: Span[] = [];
	if (filter !== '') head.push(['dim', 'filter '], ['accent', truncate(sanitize(filter), Math.floor(width / 2))], '  ');
	if (ignored.length > 0)
		head.push(['warn', truncate(`ignored here: ${sanitize(ignored.join(', '))}`, Math.floor(width / 2) - 10)], '  ');
	return lineOf(width, head) + hintLine(keymap, front, Math.max(0, width - widthOf(head)));
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

function promptLines(prompt: Prompt, message: string | null, width: number, height: number): string[] {
	const { spans, placeAt } = promptSpans(prompt, width);
	const line = lineOf(width, spans);
	const problem = message ?? (prompt.error && sanitize(prompt.error.message));
	// what is typed stays in sight, also where there is one line for both
	if (height < 2) return [problem === null ? line : lineOf(width, [...spans, ' ', ['bad', problem]])];
	if (message !== null) return [line, lineOf(width, [['warn', sanitize(message)]])];
	return [line, problem === null ? promptHelp(prompt, width) : errorLine(problem, placeAt, width)];
}

function footerLines(props: FooterProps): string[] {
	const { prompt, message, width, height } = props;
	if (prompt) return promptLines(prompt, message, width, height);
	const bottom = bottomLine(props);
	return height >= 2 ? [statusOf(props), bottom] : [bottom];
}

export const Footer = drawn(footerLines);
