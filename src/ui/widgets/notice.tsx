/** Lines in place of a tab's contents: attaching, empty, unavailable, failed. */
import { wrapText } from '../../lib/width.ts';
import { paint, type Role } from '../../term/theme.ts';
import type { Area } from '../layout/split.ts';
import { drawn } from './lines.tsx';

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
