/** Replacements of glyphs where the locale or TERM asks for ASCII; the rest of the program draws in Unicode only. */
const replacements: Record<string, string> = {
	µ: 'u',
	'–': '-',
	'—': '-',
	'…': '~',
	'·': '.',
	'±': '~',
	'×': 'x',
	Σ: 'S',
	Δ: 'd',
	'≥': '>',
	'≤': '<',
	'≈': '~',
	'›': '>',
	'→': '>',
	'←': '<',
	'↑': '^',
	'↓': 'v',
	// no letter, which would change the name of a sorted column (vCPU)
	'▲': '/',
	'▼': '\\',
	'▶': '>',
	'●': '*',
	'○': 'o',
	'‖': '|',
	'█': '#',
	'◆': '@',
	// Braille as charts draw their axes and level lines.
	'⡇': '|',
	'⢸': '|',
	'⠓': '+',
	'⠒': '-',
	'⠤': '-',
	'⠉': '-',
	'⣀': '_',
};

/** One ASCII character for one cell. */
export function asciiGlyph(glyph: string): string {
	const known = replacements[glyph];
	if (known !== undefined) return known;
	const code = glyph.codePointAt(0) as number;
	if (code === 0x2502 || code === 0x2503) return '|';
	if (code === 0x2500 || code === 0x2501) return '-';
	if (code > 0x2500 && code < 0x2580) return '+';
	// Lower blocks ▁…▇ and left blocks ▉…▏: a coarse step of a bar.
	if (code >= 0x2581 && code <= 0x2587) return '_.-=+*%'[code - 0x2581] as string;
	if (code >= 0x2589 && code <= 0x258b) return '#';
	if (code >= 0x258c && code <= 0x258f) return ':';
	if (code >= 0x2800 && code <= 0x28ff) return '*';
	return '?';
}
