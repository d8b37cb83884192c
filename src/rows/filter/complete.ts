/** Completion of column names while a filter is typed. */
import { normalName } from './names.ts';

export interface Completion {
	text: string;
	caret: number;
	/** Further completions of the word; empty: it is complete. */
	candidates: readonly string[];
}

/** Characters that names are made of. */
const nameBefore = /[\p{L}\p{N}._/-]*$/u;

function commonPrefix(words: readonly string[]): string {
	const [first = ''] = words;
	let length = first.length;
	for (const word of words) while (!word.startsWith(first.slice(0, length))) length--;
	return first.slice(0, length);
}

/** Complete the name before the caret from `names`, as far as it is unambiguous. */
export function complete(text: string, caret: number, names: readonly string[]): Completion {
	const before = text.slice(0, caret);
	const word = nameBefore.exec(before)?.[0] ?? '';
	// A dot at the end is the beginning of a part.
	const wanted = normalName(word) + (/[._-]$/.test(word) ? '.' : '');
	const candidates = names.filter((name) => name.startsWith(wanted));
	if (candidates.length === 0) return { text, caret, candidates };
	const only = candidates.length === 1;
	const prefix = only ? `${candidates[0]} ` : commonPrefix(candidates);
	const start = caret - word.length;
	const rest = only ? text.slice(caret).replace(/^ /, '') : text.slice(caret);
	return {
		text: text.slice(0, start) + prefix + rest,
		caret: start + prefix.length,
		candidates: only ? [] : candidates,
	};
}
