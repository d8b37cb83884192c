/** One line of text that is being typed. Pure. */

export interface TextInput {
	text: string;
	/** Offset into the text; the next character goes there. */
	caret: number;
}

export const emptyInput: TextInput = { text: '', caret: 0 };

export function inputOf(text: string): TextInput {
	return { text, caret: text.length };
}

/** Offsets between characters that are whole. */
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

/** The text after a key as `term/keys.ts` names it; the same object where the key is not for text. */
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
	// Named keys have more than one character; they are not for the text.
	if (Array.from(typed).length !== 1 || text.length + typed.length > maxLength) return input;
	return { text: text.slice(0, caret) + typed + text.slice(caret), caret: caret + typed.length };
}
