/** Tables that live in documents. */
import { readFileSync, writeFileSync } from 'node:fs';

/** The text with what is between the marks `<!-- NAME -->` and `<!-- end of NAME -->` replaced. Throws without marks. */
export function withRegion(document: string, name: string, text: string): string {
	const [from, to] = [`<!-- ${name} -->`, `<!-- end of ${name} -->`];
	const [begin, end] = [document.indexOf(from), document.indexOf(to)];
	if (begin < 0 || end < begin) throw new Error(`no region ${name}: ${from} … ${to}`);
	return `${document.slice(0, begin + from.length)}\n\n${text.trim()}\n\n${document.slice(end)}`;
}

/** Replace the region in a file. */
export function writeRegion(path: string, name: string, text: string): void {
	writeFileSync(path, withRegion(readFileSync(path, 'utf8'), name, text));
}
