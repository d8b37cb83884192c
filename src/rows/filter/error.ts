/** The only error of a filter: a part of its text, and the cause in a few words. */
export class FilterError extends Error {
	/** Characters of the filter's text that the message is about; `end` exclusive, both at most its length. */
	readonly start: number;
	readonly end: number;

	constructor(message: string, start: number, end: number) {
		super(message);
		this.start = start;
		this.end = Math.max(start, end);
	}
}

/** The error on one line, for output without the text. Columns count from 1. */
export function describeFilterError(error: FilterError, text: string, name = 'filter'): string {
	const at = error.start >= text.length ? 'at its end' : `at column ${error.start + 1}`;
	return `${name} '${text}' ${at}: ${error.message}`;
}
