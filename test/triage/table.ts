/** The table of docs/triage.md, with when and where it was measured before it, and what was wrong after it. */
import { readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import { cases } from './cases.ts';
import type { Outcome } from './once.ts';

export interface CaseResult {
	name: string;
	wanted: string;
	/** Why it was not run. */
	missing: string | undefined;
	runs: Outcome[];
}

export const tableHead = [
	'| trouble | first line | right in 10 s | seconds: median, most | false severe |',
	'| --- | --- | --- | --- | --- |',
].join('\n');

const PAGE = 'docs/triage.md';
const MOST = 230;

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll(/\/tmp\/[\w-]+/g, '…');

export function rowOf({ name, wanted, missing, runs }: CaseResult): string {
	if (missing !== undefined) return `| ${name} | not run: ${missing} (wanted: ${wanted}) | | | |`;
	const times = runs.flatMap(({ after }) => after ?? []).sort((a, b) => a - b);
	const seconds =
		times.length === 0 ? '–' : `${times[times.length >> 1]?.toFixed(1)}, ${(times.at(-1) as number).toFixed(1)}`;
	const severe = new Set(runs.flatMap(({ falseSevere }) => falseSevere));
	const { text = '' } = runs.find(({ after }) => after !== null) ?? runs.at(-1) ?? {};
	const short = text.length > MOST ? `${text.slice(0, MOST)}…` : text;
	return `| ${name} | ${cell(short)} | ${times.length} of ${runs.length} | ${seconds} | ${cell([...severe].join(', ')) || 0} |`;
}

/** Begin of the paragraph before the table, and of each line after it. */
const MEASURED = 'Measured on ';
const NOT_RIGHT = '- Not right: ';

function measured(runs: number): string {
	const [load = 0] = os.loadavg();
	const version = os.release().split('.').slice(0, 2).join('.');
	const day = new Date().toISOString().slice(0, 10);
	return `${MEASURED}${os.availableParallelism()} CPUs, Linux ${version}, ${day}, up to ${runs} runs of each; load average of the last minute ${load.toFixed(1)}. Seconds are from the begin of the trouble.`;
}

/** A line about runs that were not right; undefined: all were. */
function notRight({ name, runs }: CaseResult): string | undefined {
	const wrong = runs.filter(({ after }) => after === null);
	if (wrong.length === 0) return undefined;
	const texts = new Map<string, number>();
	for (const { text } of wrong) {
		const [short = ''] = text.split(/[:—]/);
		texts.set(short, (texts.get(short) ?? 0) + 1);
	}
	const list = [...texts].map(([text, count]) => `“${cell(text.trim())}” ${count} of ${runs.length}`);
	return `${NOT_RIGHT}${name}; first was ${list.join(', ')}`;
}

/** Replaces the rows of these cases, in the order of the cases. */
export function writeRows(results: readonly CaseResult[], runs: number): void {
	const lines = readFileSync(PAGE, 'utf8').split('\n');
	const begin = lines.findIndex((line) => line.startsWith('| trouble |'));
	if (begin < 0) throw new Error(`${PAGE}: no table of troubles`);
	let end = begin;
	while (lines[end]?.startsWith('|')) end++;
	const nameOf = (row: string): string => row.split('|')[1]?.trim() ?? '';
	const rows = new Map(lines.slice(begin + 2, end).map((row) => [nameOf(row), row]));
	for (const result of results) rows.set(result.name, rowOf(result));
	const ordered = cases.flatMap(({ name }) => rows.get(name) ?? []);
	lines.splice(begin, end - begin, ...tableHead.split('\n'), ...ordered);
	const about = lines.findIndex((line) => line.startsWith(MEASURED));
	if (about >= 0) lines[about] = measured(runs);
	writeFileSync(PAGE, withNotRight(lines, results).join('\n'));
}

/** The lines about runs that were not right, after the table, a list of their own. */
function withNotRight(lines: readonly string[], results: readonly CaseResult[]): string[] {
	const nameOf = (line: string): string => line.slice(NOT_RIGHT.length).split(';')[0] ?? '';
	const known = new Map(lines.filter((line) => line.startsWith(NOT_RIGHT)).map((line) => [nameOf(line), line]));
	for (const result of results) {
		const line = notRight(result);
		if (line === undefined) known.delete(result.name);
		else known.set(result.name, line);
	}
	const rest = lines.filter((line) => !line.startsWith(NOT_RIGHT));
	const last = rest.findLastIndex((line) => line.startsWith('| '));
	const list = cases.flatMap(({ name }) => known.get(name) ?? []);
	const after = rest.slice(last + 1);
	while (after[0] === '' && after[1] === '') after.shift();
	return [...rest.slice(0, last + 1), ...(list.length > 0 ? ['', ...list] : []), ...after];
}

/** A series without a trouble, beside a build. */
export interface QuietSeries {
	seconds: number;
	intervals: number;
	/** Severe lines, by rule and subject. */
	about: readonly string[];
}

const QUIET_HEAD = '| quiet series | seconds | load | intervals | severe lines |';
const QUIET_SUM = 'All quiet series together: ';

/** The sum of the rows of a table of quiet series. */
export function quietSum(rows: readonly string[]): string {
	const cells = rows.map((row) => row.split('|').map((one) => one.trim()));
	const sum = (column: number) =>
		cells.reduce((total, row) => total + (Number.parseInt(row[column] ?? '', 10) || 0), 0);
	return `${QUIET_SUM}${sum(2).toLocaleString('en-GB')} s, ${sum(4).toLocaleString('en-GB')} intervals, severe lines: ${sum(5)}.`;
}

/** The page with a series added to its table, and the sum below; the sum. */
export function withQuiet(
	page: string,
	series: QuietSeries,
	date: string,
	load: number,
): { page: string; sum: string } {
	const lines = page.split('\n');
	const begin = lines.indexOf(QUIET_HEAD);
	if (begin < 0) throw new Error(`${PAGE}: no table of quiet series`);
	let end = begin;
	while (lines[end]?.startsWith('|')) end++;
	const { seconds, intervals, about } = series;
	const severe = about.length === 0 ? '0' : `${about.length}: ${cell(about.join(', '))}`;
	const rows = [
		...lines.slice(begin + 2, end),
		`| ${date} | ${seconds} | ${load.toFixed(1)} | ${intervals} | ${severe} |`,
	];
	const sum = quietSum(rows);
	const rest = lines.slice(end).filter((line) => !line.startsWith(QUIET_SUM));
	while (rest[0] === '') rest.shift();
	return { page: [...lines.slice(0, begin + 2), ...rows, '', sum, '', ...rest].join('\n'), sum };
}

/** Adds a series to the page. Returns the sum of all. */
export function writeQuiet(series: QuietSeries): string {
	const [load = 0] = os.loadavg();
	const date = `${new Date().toISOString().slice(0, 16).replace('T', ' ')} UTC`;
	const { page, sum } = withQuiet(readFileSync(PAGE, 'utf8'), series, date, load);
	writeFileSync(PAGE, page);
	return sum;
}
