/**
 * Text of a filter → tokens. What follows an operator is one value up to the next space, so that patterns and paths need
 * no quotes: `comm ~ ^(pg|my)` and `cgroup = /a=b` are read literally.
 */
import { FilterError } from './error.ts';

export type Operator = '=' | '!=' | '<' | '<=' | '>' | '>=' | '~' | '!~';

export interface Token {
	kind: 'word' | 'quoted' | 'operator' | '(' | ')' | '!';
	/** Without its quotes. */
	text: string;
	start: number;
	end: number;
}

/** Paths of control groups have up to 4,095 bytes, and a byte that is no text becomes four characters. */
export const maxLength = 16_640;
/** Words, values and operators. */
const maxTokens = 1000;

const operator = /!=|!~|<=|>=|=|<|>|~/y;
/** A word outside of values: up to a space, a parenthesis, a quote or an operator. */
const word = /[^\s()"'=!<>~]+/y;

function match(pattern: RegExp, text: string, at: number): string | undefined {
	pattern.lastIndex = at;
	return pattern.exec(text)?.[0];
}

/** From the quote at `start` to its partner; a backslash makes a quote part of the text. */
function quoted(text: string, start: number): Token {
	const quote = text[start];
	let out = '';
	for (let at = start + 1; at < text.length; at++) {
		if (text[at] === '\\' && text[at + 1] === quote) out += text[++at];
		else if (text[at] === quote) return { kind: 'quoted', text: out, start, end: at + 1 };
		else out += text[at];
	}
	throw new FilterError(`${quote} is not closed`, start, text.length);
}

/** Up to the next space, or to a parenthesis that closes one before the value. */
function value(text: string, start: number): Token {
	let depth = 0;
	let at = start;
	for (; at < text.length && !/\s/.test(text[at] as string); at++) {
		if (text[at] === '\\') at++;
		else if (text[at] === '(') depth++;
		else if (text[at] === ')' && --depth < 0) break;
	}
	const end = Math.min(at, text.length);
	return { kind: 'word', text: text.slice(start, end), start, end };
}

/** The words of a filter in their order. @throws {FilterError} at the position of the mistake: too long, too many words, an open quote */
export function tokensOf(text: string): Token[] {
	if (text.length > maxLength) throw new FilterError(`longer than ${maxLength} characters`, maxLength, text.length);
	const tokens: Token[] = [];
	for (let at = 0; at < text.length; ) {
		const char = text[at] as string;
		const afterOperator = tokens.at(-1)?.kind === 'operator';
		let token: Token;
		const op = match(operator, text, at);
		if (/\s/.test(char)) {
			at++;
			continue;
		}
		if (char === '"' || char === "'") token = quoted(text, at);
		else if (afterOperator && char !== ')') token = value(text, at);
		else if (char === '(' || char === ')') token = { kind: char, text: char, start: at, end: at + 1 };
		else if (op !== undefined) token = { kind: 'operator', text: op, start: at, end: at + op.length };
		else if (char === '!') token = { kind: '!', text: '!', start: at, end: at + 1 };
		else {
			const found = match(word, text, at) ?? char;
			token = { kind: 'word', text: found, start: at, end: at + found.length };
		}
		tokens.push(token);
		// each is a step deeper: a text that was pasted by mistake may have thousands
		if (tokens.length > maxTokens) throw new FilterError(`more than ${maxTokens} words`, token.start, text.length);
		at = token.end;
	}
	return tokens;
}
