/**
 * The one door for foreign bytes. Process names, command lines, cgroup, device and file names and recordings are
 * chosen by whoever runs on the machine; whatever is shown of them has passed through here and carries the brand.
 */
import { isUtf8 } from 'node:buffer';

declare const brand: unique symbol;
/** Text without any byte a terminal could act on: no control, bidi or zero-width character, valid Unicode. */
export type SafeText = string & { readonly [brand]: true };

/** The usual case, tested first: printable ASCII needs no work. */
const plain = /^[\x20-\x7e]*$/;

function visible(char: string): string {
	const code = char.codePointAt(0) as number;
	if (code < 0x20) return `^${String.fromCharCode(code + 0x40)}`;
	if (code === 0x7f) return '^?';
	if (code < 0x100) return `\\x${code.toString(16).padStart(2, '0')}`;
	return code > 0xffff ? `\\u{${code.toString(16)}}` : `\\u${code.toString(16).padStart(4, '0')}`;
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Whole characters as they are, each other byte as `\xNN`: the kernel cuts names in the middle of characters. */
function partly(bytes: Uint8Array): string {
	let text = '';
	for (let at = 0; at < bytes.length; ) {
		const first = bytes[at] as number;
		const length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
		const char = bytes.subarray(at, at + length);
		const whole = char.length === length && isUtf8(char);
		text += whole ? strictUtf8.decode(char) : `\\x${first.toString(16)}`;
		at += whole ? length : 1;
	}
	return text;
}

/**
 * Make foreign text inert and visible: C0 as `^X`, DEL as `^?`, C1 and invalid UTF-8 as `\xNN`, invisible and
 * reordering characters as `\uNNNN`. Bytes end at the first NUL, as C strings do.
 */
export function sanitize(foreign: string | Uint8Array): SafeText {
	let text: string;
	if (typeof foreign === 'string') {
		text = foreign;
	} else {
		const end = foreign.indexOf(0);
		const bytes = end < 0 ? foreign : foreign.subarray(0, end);
		try {
			text = strictUtf8.decode(bytes);
		} catch {
			text = partly(bytes);
		}
	}
	if (plain.test(text)) return text as SafeText;
	// Characters that are invisible, reorder text, break lines or mean nothing: controls, formats, surrogates, separators,
	// fillers. Written here, it is made when it is needed, which takes longer than most of what a start needs.
	const unsafe = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;
	return text.replace(unsafe, visible) as SafeText;
}

/** For text written in this program (titles, messages): a template whose holes are numbers or already safe. */
export function safe(parts: TemplateStringsArray, ...holes: (number | SafeText)[]): SafeText {
	return String.raw({ raw: parts }, ...holes) as SafeText;
}
