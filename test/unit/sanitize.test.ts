import { expect, test } from 'vitest';
import { sanitize } from '../../src/lib/sanitize.ts';
import { generator } from '../lib/random.ts';

const bytes = (...values: number[]) => Uint8Array.from(values);

test('ordinary names stay as they are', () => {
	expect(sanitize('kworker/0:1-events')).toBe('kworker/0:1-events');
	expect(sanitize('日本語 naïve ✓')).toBe('日本語 naïve ✓');
});

test('bytes end at the first NUL', () => {
	expect(sanitize(bytes(0x61, 0x62, 0, 0x63))).toBe('ab');
});

test.each([
	['title sequence', '\x1b]0;pwned\x07', '^[]0;pwned^G'],
	['clipboard sequence', '\x1b]52;c;aGk=\x1b\\', '^[]52;c;aGk=^[\\'],
	['newline, tab and return', 'a\nb\tc\rd', 'a^Jb^Ic^Md'],
	['delete', 'a\x7f', 'a^?'],
	['C1 control', '\x9b31m', '\\x9b31m'],
	['right-to-left override', 'a\u202egpj.exe', 'a\\u202egpj.exe'],
	['isolates', '\u2066x\u2069', '\\u2066x\\u2069'],
	['zero width', 'a\u200bb\u200dc\ufeff', 'a\\u200bb\\u200dc\\ufeff'],
	['line separator', 'a\u2028b', 'a\\u2028b'],
	['soft hyphen', 'a\u00adb', 'a\\xadb'],
	['tag characters', 'a\u{e0041}', 'a\\u{e0041}'],
	['variation selector', 'a\ufe0f', 'a\\ufe0f'],
	['combining grapheme joiner', 'a\u034fb', 'a\\u034fb'],
	['lone surrogate', 'a\ud800b', 'a\\ud800b'],
])('%s becomes visible', (_name, foreign, shown) => {
	expect(sanitize(foreign)).toBe(shown);
});

test('invalid UTF-8 is shown byte by byte, and still without control characters', () => {
	expect(sanitize(bytes(0x61, 0xff, 0x1b, 0x5b, 0x9b))).toBe('a\\xff^[[\\x9b');
	// an overlong encoding of ESC is invalid, not ESC
	expect(sanitize(bytes(0xc0, 0x9b))).toBe('\\xc0\\x9b');
});

test('a name cut by the kernel in the middle of a character keeps the others', () => {
	const cut = Buffer.from('emoji😀😀😀').subarray(0, 15);
	expect(sanitize(cut)).toBe('emoji😀😀\\xf0\\x9f');
	expect(sanitize(Buffer.from('xyzab한글테스트').subarray(0, 15))).toBe('xyzab한글테\\xec');
	// what is whole is judged as everywhere
	expect(sanitize(Buffer.concat([Buffer.from('\u202e'), bytes(0xff)]))).toBe('\\u202e\\xff');
});

test('no byte sequence yields a character that a terminal acts on', () => {
	const random = generator(7);
	for (let round = 0; round < 2000; round++) {
		const noise = Uint8Array.from({ length: 24 }, () => random() * 256);
		expect(sanitize(noise)).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
	}
});
