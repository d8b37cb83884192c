/** Lens: identity of the process, from `/proc` now. */
import { formatDuration } from '../../lib/format.ts';
import { safe } from '../../lib/sanitize.ts';
import type { Span } from '../../term/theme.ts';
import { clock } from '../frame/header.ts';
import { lineOf, widthOf } from '../widgets/line.ts';
import type { DetailsNow } from './use-details.ts';

/** Facts with two cells between them, as many to a line as fit. */
function flow(facts: readonly (readonly Span[])[], width: number): string[] {
	const lines: Span[][] = [];
	for (const fact of facts) {
		const line = lines.at(-1);
		if (line && widthOf(line) + 2 + widthOf(fact) <= width) line.push('  ', ...fact);
		else lines.push([...fact]);
	}
	return lines.map((line) => lineOf(width, line));
}

/** `14:02:10`, with the date unless it is that of `now`. */
function clockOf(ms: number, now: number): string {
	const time = new Date(ms).toISOString();
	const day = new Date(ms).toDateString() === new Date(now).toDateString() ? '' : `${time.slice(0, 10)} `;
	return day + clock(time);
}

/**
 * @param moment of the figures, ms since 1970
 * @param past age of that moment, ns; 0: now
 */
export function identityLines(
	{ details, gone, refused }: DetailsNow,
	moment: number,
	past: number,
	width: number,
): string[] {
	if (!details) {
		if (gone) return [lineOf(width, [['dim', 'it has exited: /proc no longer knows command line, user and parents']])];
		return refused === '' ? [] : [lineOf(width, [['warn', refused]])];
	}
	const { command, user, state, threads, cgroup, started, parents } = details;
	const when = gone ? 'as /proc had it' : past > 0 ? '/proc, now' : '';
	const chain = [...parents].reverse().map(({ pid, comm }) => safe`${comm}[${pid}]`);
	return [
		lineOf(width, [['strong', command]]),
		...flow(
			[
				[['dim', 'user '], user],
				[
					['dim', 'started '],
					clockOf(started, moment),
					['dim', ` (${formatDuration((moment - started) / 1000)} before)`],
				],
				...(gone ? [] : [[`${threads}`, ['dim', threads === 1 ? ' thread ' : ' threads '], state] as Span[]]),
				...(cgroup === '' ? [] : [[['dim', 'cgroup '], cgroup] as Span[]]),
				...(chain.length === 0 ? [] : [[['dim', 'from '], chain.join(' › ')] as Span[]]),
				...(when === '' ? [] : [[['warn', `(${when})`]] as Span[]]),
			],
			width,
		),
	];
}
