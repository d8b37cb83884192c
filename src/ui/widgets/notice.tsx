/** A few lines in the place of a tab's contents: attaching, nothing to show, unavailable, failed. */
import { type ReactElement, useMemo } from 'react';
import { textWidth } from '../../term/width.ts';
import { paint, type Role } from '../theme.ts';
import { Lines } from './lines.tsx';

/** Break at spaces into lines of at most `width` cells. */
export function wrapText(text: string, width: number): string[] {
	const lines: string[] = [];
	let line = '';
	for (const word of text.split(' ')) {
		const longer = line === '' ? word : `${line} ${word}`;
		if (line !== '' && textWidth(longer) > width) {
			lines.push(line);
			line = word;
		} else {
			line = longer;
		}
	}
	return [...lines, line];
}

export function Notice({
	tone,
	title,
	text,
	width,
	height,
}: {
	tone: Role;
	title: string;
	text: readonly string[];
	width: number;
	height: number;
}): ReactElement {
	const lines = useMemo(() => {
		const margin = width >= 40 ? 2 : 0;
		const indent = ' '.repeat(margin);
		const wrapped = (words: string) => wrapText(words, width - 2 * margin);
		return [
			...(height > 3 ? [''] : []),
			...wrapped(title).map((line) => indent + paint(tone, line)),
			...text.flatMap(wrapped).map((line) => indent + line),
		];
	}, [tone, title, text, width, height]);
	return <Lines lines={lines} width={width} height={height} />;
}
