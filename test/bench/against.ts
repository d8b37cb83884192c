/** Figures of a build that are worse than those of an older one, measured in the same turns. */
import { type Figure, find, markdownTable, number, ratiosTo, type SectionResult } from './figures.ts';
import { BEFORE } from './rest.ts';
import { median, ratioOf } from './statistics.ts';

/** A difference of less is none, however often it is seen. */
const LEAST = 1.03;

export interface Worse {
	what: string;
	contender: string;
	before: number;
	now: number;
	unit: string;
	/** Ratio of the same turns, with the range that holds its median. */
	ratio: number;
	interval: [number, number];
}

/** Pairs of a contender and itself before, of figures of which less is better. */
function pairs(figures: readonly Figure[]): [now: Figure, before: Figure][] {
	return figures.flatMap((figure) => {
		const before = find(figures, figure.what, `${figure.contender}${BEFORE}`);
		return before && figure.values.length > 0 && before.values.length > 0 ? [[figure, before]] : [];
	});
}

/** Worse beyond noise: in every turn, or with fewer than five of them in all. */
export function worse({ figures }: SectionResult): Worse[] {
	return pairs(figures).flatMap(([now, before]) => {
		const { median: ratio, interval } = ratioOf(ratiosTo(now, before));
		if (!(interval[0] > LEAST)) return [];
		const { what, contender, unit } = now;
		return [{ what, contender, unit, before: median(before.values), now: median(now.values), ratio, interval }];
	});
}

/** As Markdown. */
export function worseText(result: SectionResult): string {
	const rows = worse(result);
	if (rows.length === 0) return '### Against the build before\n\nNothing got worse beyond noise.\n';
	const cells = rows.map(({ what, contender, before, now, unit, ratio, interval }) => [
		what,
		contender,
		`${number(before)} ${unit}`,
		`${number(now)} ${unit}`,
		`${ratio.toFixed(3)} (${interval.map((end) => end.toFixed(3)).join('–')})`,
	]);
	const table = markdownTable(['what', 'contender', 'before', 'now', 'ratio (90 %)'], cells);
	return `### Against the build before: worse beyond noise\n\n${table}\n`;
}
