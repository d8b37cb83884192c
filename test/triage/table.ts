/** The table of docs/triage.md. */
import { readFileSync, writeFileSync } from 'node:fs';
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

/** Replaces the row of a case; rows are in the order of the cases. */
export function writeRow(result: CaseResult): void {
	const lines = readFileSync(PAGE, 'utf8').split('\n');
	const begin = lines.findIndex((line) => line.startsWith('| trouble |'));
	if (begin < 0) throw new Error(`${PAGE}: no table of troubles`);
	let end = begin;
	while (lines[end]?.startsWith('|')) end++;
	const nameOf = (row: string): string => row.split('|')[1]?.trim() ?? '';
	const rows = new Map(lines.slice(begin + 2, end).map((row) => [nameOf(row), row]));
	rows.set(result.name, rowOf(result));
	const ordered = cases.flatMap(({ name }) => rows.get(name) ?? []);
	lines.splice(begin, end - begin, ...tableHead.split('\n'), ...ordered);
	writeFileSync(PAGE, lines.join('\n'));
}
