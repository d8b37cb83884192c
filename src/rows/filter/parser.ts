/**
 * Tokens → expression. `or` binds weakest, then `and` (which may be left out between terms), then `not`. Columns are not
 * known here: `bind.ts` interprets names and values.
 */
import { FilterError } from './error.ts';
import { type Operator, type Token, tokensOf } from './lexer.ts';
import { isUnit } from './values.ts';

/** A part of the filter's text; `end` is exclusive. */
export interface Span {
	start: number;
	end: number;
}

export interface Comparison extends Span {
	kind: 'comparison';
	column: string;
	operator: Operator;
	value: string;
	/** End of the column's name, and the value. */
	columnEnd: number;
	valueSpan: Span;
}

export type Expression =
	| (Span & { kind: 'text'; text: string })
	| Comparison
	| (Span & { kind: 'not'; term: Expression })
	| (Span & { kind: 'and' | 'or'; left: Expression; right: Expression });

/** Most nested parentheses and negations. */
const maxDepth = 50;

class Parser {
	private readonly text: string;
	private readonly tokens: readonly Token[];
	private at = 0;
	private depth = 0;

	constructor(text: string) {
		this.text = text;
		this.tokens = tokensOf(text);
	}

	/** null: the filter is empty. */
	parse(): Expression | null {
		if (this.tokens.length === 0) return null;
		const expression = this.or();
		const rest = this.tokens[this.at];
		if (rest) throw new FilterError(`nothing is open that this ${rest.text} closes`, rest.start, rest.end);
		return expression;
	}

	private get next(): Token | undefined {
		return this.tokens[this.at];
	}

	private isWord(text: string): boolean {
		return this.next?.kind === 'word' && this.next.text.toLowerCase() === text;
	}

	private or(): Expression {
		let left = this.and();
		while (this.isWord('or')) {
			this.at++;
			const right = this.and();
			left = { kind: 'or', left, right, start: left.start, end: right.end };
		}
		return left;
	}

	private and(): Expression {
		let left = this.not();
		while (this.next && this.next.kind !== ')' && !this.isWord('or')) {
			if (this.isWord('and')) this.at++;
			const right = this.not();
			left = { kind: 'and', left, right, start: left.start, end: right.end };
		}
		return left;
	}

	private not(): Expression {
		const token = this.next;
		if (!this.isWord('not') && token?.kind !== '!') return this.primary();
		this.at++;
		const term = this.deeper(token as Token, () => this.not());
		return { kind: 'not', term, start: (token as Token).start, end: term.end };
	}

	private deeper<T>(token: Token, parse: () => T): T {
		if (++this.depth > maxDepth) throw new FilterError('too deep', token.start, token.end);
		const result = parse();
		this.depth--;
		return result;
	}

	private primary(): Expression {
		const token = this.next;
		if (!token) throw new FilterError('a term is missing here', this.text.length, this.text.length);
		this.at++;
		switch (token.kind) {
			case '(': {
				const inner = this.deeper(token, () => this.or());
				if (this.next?.kind !== ')') throw new FilterError('( is not closed', token.start, token.end);
				this.at++;
				return { ...inner, start: token.start };
			}
			case 'quoted':
				return { kind: 'text', text: token.text, start: token.start, end: token.end };
			case 'word':
				if (this.next?.kind === 'operator') return this.comparison(token);
				if (/^(and|or)$/i.test(token.text)) break;
				return { kind: 'text', text: token.text, start: token.start, end: token.end };
		}
		const message = token.kind === 'operator' ? 'a column is missing before this' : 'a term is missing before this';
		throw new FilterError(message, token.start, token.end);
	}

	private comparison(column: Token): Comparison {
		const operator = this.next as Token;
		this.at++;
		const value = this.next;
		if (value?.kind !== 'word' && value?.kind !== 'quoted') {
			throw new FilterError('a value is missing here', operator.end, value?.end ?? this.text.length);
		}
		this.at++;
		let text = value.text;
		let end = value.end;
		// `5 ms` is `5ms`
		if (/^-?[\d.]+$/.test(text) && this.next?.kind === 'word' && isUnit(this.next.text)) {
			text += this.next.text;
			end = this.next.end;
			this.at++;
		}
		return {
			kind: 'comparison',
			column: column.text,
			operator: operator.text as Operator,
			value: text,
			columnEnd: column.end,
			valueSpan: { start: value.start, end },
			start: column.start,
			end,
		};
	}
}

/** Throws {@link FilterError} and nothing else. null: an empty filter. */
export function parse(text: string): Expression | null {
	return new Parser(text).parse();
}
