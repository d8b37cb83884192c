/** HTML as values: text becomes markup only here, so that no name from anywhere is ever more than text. */

declare const brand: unique symbol;
export type Html = string & { readonly [brand]: true };

const entities: Readonly<Record<string, string>> = {
	'&': '&amp;',
	'<': '&lt;',
	'>': '&gt;',
	'"': '&quot;',
	"'": '&#39;',
};

/** Of text and of attributes in quotes. */
export function escapeHtml(text: string): string {
	return text.replace(/[&<>"']/g, (char) => entities[char] as string);
}

type Hole = string | number | Html | readonly Html[] | null | undefined | false;

/** Values that came from {@link html} stay as they are. */
const made = new WeakSet<object>();

class Markup extends String {}

/** A template: holes are text unless they came from here. */
export function html(parts: TemplateStringsArray, ...holes: readonly Hole[]): Html {
	let out = parts[0] as string;
	for (const [index, hole] of holes.entries()) out += textOf(hole) + (parts[index + 1] as string);
	const markup = new Markup(out);
	made.add(markup);
	return markup as unknown as Html;
}

function textOf(hole: Hole): string {
	if (hole === null || hole === undefined || hole === false) return '';
	if (Array.isArray(hole)) return hole.map(textOf).join('');
	if (typeof hole === 'object' && made.has(hole as object)) return String(hole);
	return escapeHtml(String(hole));
}
