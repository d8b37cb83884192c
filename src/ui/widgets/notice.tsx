/** A few lines in the place of a tab's contents: attaching, nothing to show, unavailable, failed. */
import { wrapText } from '../../lib/width.ts';
import { paint, type Role } from '../../term/theme.ts';
import { drawn } from './lines.tsx';
import type { Area } from './split.ts';

interface NoticeProps extends Area {
	tone: Role;
	title: string;
	text: readonly string[];
}

export const Notice = drawn(({ tone, title, text, width, height }: NoticeProps) => {
	const margin = width >= 40 ? 2 : 0;
	const indent = ' '.repeat(margin);
	const wrapped = (words: string) => wrapText(words, width - 2 * margin);
	return [
		...(height > 3 ? [''] : []),
		...wrapped(title).map((line) => indent + paint(tone, line)),
		...text.flatMap(wrapped).map((line) => indent + line),
	];
});
