/**
 * Bytes from the keyboard → names of keys. Ink's `useInput` has no names for function keys, which users of htop expect,
 * and it sets raw mode, which term/terminal.ts owns.
 *
 * A key is a printable character, or a name: `Enter`, `Esc`, `Ctrl-C`, `Shift-Tab`, `F10`, `PgUp`, `Alt-x`. With the
 * mouse on there are `Click-7-3`, `WheelUp-7-3` and `WheelDown-7-3`: column and row from 0.
 */

const control: Record<string, string> = {
	'\r': 'Enter',
	'\n': 'Enter',
	'\t': 'Tab',
	'\x7f': 'Backspace',
	'\b': 'Backspace',
	'\x1b': 'Esc',
	' ': 'Space',
	'\0': 'Ctrl-Space',
};

const final: Record<string, string> = {
	A: 'Up',
	B: 'Down',
	C: 'Right',
	D: 'Left',
	F: 'End',
	H: 'Home',
	P: 'F1',
	Q: 'F2',
	R: 'F3',
	S: 'F4',
	Z: 'Shift-Tab',
};

const tilde: Record<string, string> = {
	'1': 'Home',
	'2': 'Insert',
	'3': 'Delete',
	'4': 'End',
	'5': 'PgUp',
	'6': 'PgDn',
	'7': 'Home',
	'8': 'End',
	'11': 'F1',
	'12': 'F2',
	'13': 'F3',
	'14': 'F4',
	'15': 'F5',
	'17': 'F6',
	'18': 'F7',
	'19': 'F8',
	'20': 'F9',
	'21': 'F10',
	'23': 'F11',
	'24': 'F12',
};

const modifiers = ['', '', 'Shift-', 'Alt-', 'Alt-Shift-', 'Ctrl-', 'Ctrl-Shift-', 'Ctrl-Alt-', 'Ctrl-Alt-Shift-'];

/** CSI or SS3 sequence, including the linux console's `ESC [ [ A`. */
const sequence = /^\x1b(?:\[\[([A-E])|\[([0-9;:<=>?]*)[ -/]*([@-~])|O([0-9;]*)([ -~]))/;
const incomplete = /^\x1b(?:\[\[?[0-9;:<=>?]*[ -/]*|O[0-9;]*)?$/;

/** Reports as `ESC [ < button ; column ; row M` (pressed) or `m` (released). */
function nameOfMouse(params: string, end: string): string | null {
	const [button = -1, column = 0, row = 0] = params.slice(1).split(';').map(Number);
	const kind = button === 0 && end === 'M' ? 'Click' : button === 64 ? 'WheelUp' : button === 65 ? 'WheelDown' : null;
	return kind && `${kind}-${column - 1}-${row - 1}`;
}

function nameOf(params: string, end: string): string | null {
	if (params.startsWith('<')) return nameOfMouse(params, end);
	const [first = '', modifier = ''] = params.split(';');
	const prefix = modifiers[Number(modifier)] ?? '';
	const base = end === '~' ? tilde[first] : final[end];
	return base === undefined ? null : prefix + base;
}

function nameOfCharacter(char: string): string {
	const named = control[char];
	if (named) return named;
	const code = char.codePointAt(0) as number;
	return code < 0x20 ? `Ctrl-${String.fromCharCode(code + 0x40)}` : char;
}

/** Takes bytes as they arrive; a sequence may be split between chunks. */
export class KeyParser {
	private rest = '';

	/** A lone Esc, or the beginning of a sequence, is kept until more arrives or {@link flush}. */
	get pending(): boolean {
		return this.rest !== '';
	}

	push(chunk: string): string[] {
		const keys: string[] = [];
		let text = this.rest + chunk;
		this.rest = '';
		while (text !== '') {
			if (text[0] !== '\x1b') {
				const char = String.fromCodePoint(text.codePointAt(0) as number);
				keys.push(nameOfCharacter(char));
				text = text.slice(char.length);
				continue;
			}
			if (incomplete.test(text) && text.length < 64) {
				this.rest = text;
				break;
			}
			const match = sequence.exec(text);
			if (match) {
				const [all, console, params, end, ss3Params, ss3End] = match;
				const key = console ? `F${console.charCodeAt(0) - 64}` : nameOf(params ?? ss3Params ?? '', end ?? ss3End ?? '');
				// Unknown sequences (replies of the terminal, unnamed keys) are skipped.
				if (key !== null) keys.push(key);
				text = text.slice(all.length);
			} else if (text[1] === '\x1b' || text.length === 1) {
				keys.push('Esc');
				text = text.slice(1);
			} else {
				const char = String.fromCodePoint(text.codePointAt(1) as number);
				keys.push(`Alt-${nameOfCharacter(char)}`);
				text = text.slice(1 + char.length);
			}
		}
		return keys;
	}

	/** Nothing more arrived: an Esc alone is a key. */
	flush(): string[] {
		const rest = this.rest;
		this.rest = '';
		return rest === ''
			? []
			: rest === '\x1b'
				? ['Esc']
				: rest === '\x1b['
					? ['Alt-[']
					: rest === '\x1bO'
						? ['Alt-O']
						: [];
	}
}
