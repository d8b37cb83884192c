/**
 * The only conversion of foreign bytes to text. Any user of the machine can choose process names, command lines, cgroup,
 * device and file names and recordings; every text that is shown of them comes from here and carries the brand.
 */
import { isUtf8 } from 'node:buffer';

declare const brand: unique symbol;
/** Text that no terminal acts on: valid Unicode without control, bidi and zero-width characters. */
export type SafeText = string & { readonly [brand]: true };

/** Printable ASCII, the usual case, needs no work. */
const plain = /^[\x20-\x7e]*$/;

function visible(char: string): string {
	const code = char.codePointAt(0) as number;
	if (code < 0x20) return `^${String.fromCharCode(code + 0x40)}`;
	if (code === 0x7f) return '^?';
	if (code < 0x100) return `\\x${code.toString(16).padStart(2, '0')}`;
	return code > 0xffff ? `\\u{${code.toString(16)}}` : `\\u${code.toString(16).padStart(4, '0')}`;
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Whole characters unchanged, other bytes as `\xNN`: the kernel truncates names within characters. */
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
	// fillers. Compiled on demand, since that takes longer than most steps of a start.
	const unsafe = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;
	return text.replace(unsafe, visible) as SafeText;
}

/** Of bytes that were read as latin1, a character for each. */
export function sanitizeLatin1(text: string): SafeText {
	return sanitize(Buffer.from(text, 'latin1'));
}

/** For text of this program (titles, messages): a template whose values are numbers or already safe. */
export function safe(parts: TemplateStringsArray, ...holes: (number | SafeText)[]): SafeText {
	// constants, which hot paths ask for once for each row
	if (holes.length === 0) return parts[0] as SafeText;
	return String.raw({ raw: parts }, ...holes) as SafeText;
}
