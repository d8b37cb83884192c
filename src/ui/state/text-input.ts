/** One line of typed text. Pure. */

export interface TextInput {
	text: string;
	/** Offset into the text at which the next character is inserted. */
	caret: number;
}

export const emptyInput: TextInput = { text: '', caret: 0 };

export function inputOf(text: string): TextInput {
	return { text, caret: text.length };
}

/** The offset before the character to the left of the caret, surrogate pairs whole; and after that to its right. */
function before(text: string, caret: number): number {
	const last = Array.from(text.slice(0, caret)).at(-1);
	return caret - (last?.length ?? 0);
}

function after(text: string, caret: number): number {
	const [next] = Array.from(text.slice(caret));
	return caret + (next?.length ?? 0);
}

function cut({ text }: TextInput, from: number, to: number): TextInput {
	return { text: text.slice(0, from) + text.slice(to), caret: from };
}

/** The text after a key as named by `term/keys.ts`; the same object if the key does not edit. */
export function edit(input: TextInput, key: string, maxLength: number): TextInput {
	const { text, caret } = input;
	switch (key) {
		case 'Left':
			return { text, caret: before(text, caret) };
		case 'Right':
			return { text, caret: after(text, caret) };
		case 'Home':
		case 'Ctrl-A':
			return { text, caret: 0 };
		case 'End':
		case 'Ctrl-E':
			return { text, caret: text.length };
		case 'Backspace':
			return cut(input, before(text, caret), caret);
		case 'Delete':
			return cut(input, caret, after(text, caret));
		case 'Ctrl-U':
			return cut(input, 0, caret);
		case 'Ctrl-K':
			return { text: text.slice(0, caret), caret };
		case 'Ctrl-W':
			return cut(input, text.slice(0, caret).replace(/\S*\s*$/, '').length, caret);
	}
	const typed = key === 'Space' ? ' ' : key;
	// Names of keys have more than one character.
	if (Array.from(typed).length !== 1 || text.length + typed.length > maxLength) return input;
	return { text: text.slice(0, caret) + typed + text.slice(caret), caret: caret + typed.length };
}
