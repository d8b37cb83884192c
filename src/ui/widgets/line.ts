/** One line of the screen from spans of text. */
import { textWidth, truncate } from '../../lib/width.ts';
import { paint, type Span } from '../../term/theme.ts';

function textOf(part: Span): string {
	return typeof part === 'string' ? part : part[1];
}

function draw(part: Span): string {
	return typeof part === 'string' ? part : paint(part[0], part[1]);
}

/** Cells. */
export function widthOf(parts: readonly Span[]): number {
	let width = 0;
	for (const part of parts) width += textWidth(textOf(part));
	return width;
}

/** Spans from the left, cut at `width` cells. */
export function lineOf(width: number, parts: readonly Span[]): string {
	let used = 0;
	let out = '';
	for (const part of parts) {
		const text = truncate(textOf(part), width - used);
		if (text === '') continue;
		used += textWidth(text);
		out += draw(typeof part === 'string' ? text : [part[0], text]);
		if (used >= width) break;
	}
	return out;
}

/** Wrap at spaces into lines of at most `width` cells; lines after the first are indented by two. */
export function wrapSpans(spans: readonly Span[], width: number): Span[][] {
	const lines: Span[][] = [[]];
	let used = 0;
	for (const part of spans) {
		const [role, text] = typeof part === 'string' ? (['plain', part] as const) : part;
		// spaces belong to the word after them: no line ends with one
		for (const spaced of text.split(/(?= )/)) {
			const breaks = used + textWidth(spaced) > width && used > 2;
			if (breaks) {
				lines.push(['  ']);
				used = 2;
			}
			const word = breaks ? spaced.trimStart() : spaced;
			lines.at(-1)?.push([role, word]);
			used += textWidth(word);
		}
	}
	return lines;
}

/** A piece of a status line; pieces with the highest `drop` are left out first. */
export interface Piece {
	spans: readonly Span[];
	drop: number;
	side?: 'left' | 'right';
}

/** Pieces on the left and at the right edge, as many as fit, `gap` cells apart. */
export function statusLine(width: number, pieces: readonly Piece[], gap = 2): string {
	const chosen = new Set<Piece>();
	let used = -gap;
	for (const piece of [...pieces].sort((a, b) => a.drop - b.drop)) {
		const need = widthOf(piece.spans) + gap;
		if (need === gap || (chosen.size > 0 && used + need > width)) continue;
		chosen.add(piece);
		used += need;
	}
	const kept = pieces.filter((piece) => chosen.has(piece));
	const join = (side: 'left' | 'right') => {
		const out: Span[] = [];
		for (const piece of kept) {
			if ((piece.side ?? 'left') !== side) continue;
			if (out.length > 0) out.push(' '.repeat(gap));
			out.push(...piece.spans);
		}
		return out;
	};
	const left = join('left');
	const right = join('right');
	if (right.length === 0) return lineOf(width, left);
	return lineOf(width, [...left, ' '.repeat(Math.max(0, width - widthOf(left) - widthOf(right))), ...right]);
}
