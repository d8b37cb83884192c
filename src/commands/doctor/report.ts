/** The report of `doctor` for people, to be pasted, and for programs. */

import { asciiGlyph } from '../../lib/ascii.ts';
import { sanitize } from '../../lib/sanitize.ts';
import { fitCells, wrapText } from '../../lib/width.ts';
import type { Check, Section } from './check.ts';
import type { Diagnosis } from './doctor.ts';

const NAME = 22;
const STATE = 4;
/** Widest line: fits into a mail or an issue. */
const WIDTH = 100;
/** Below this a check's name stands above what was found. */
const NARROW = 64;

/** What a sentence goes on with is moved in. */
const wrapped = (text: string, width: number): string[] => wrapText(text, width, '  ');

function checkLines({ name, state, found, fix }: Check, width: number): string[] {
	const mark = state === 'info' ? '–' : state;
	const narrow = width < NARROW;
	const head = narrow ? '    ' : `  ${fitCells(name, NAME)} ${mark.padEnd(STATE)} `;
	const room = width - head.length;
	const body = [...found, ...(fix === '' ? [] : [sanitize(`→ ${fix}`)])].flatMap((text) => wrapped(text, room));
	if (narrow) return [`  ${name} ${mark}`, ...body.map((line) => head + line)];
	return body.map((line, index) => (index === 0 ? head : ' '.repeat(head.length)) + line);
}

function sectionLines({ title, checks }: Section, width: number): string[] {
	return [title, ...checks.flatMap((one) => checkLines(one, width)), ''];
}

/** @param columns of the terminal, where there is one */
export function doctorText({ sections, verdict, ascii }: Diagnosis, columns = WIDTH): string {
	const width = Math.min(columns, WIDTH);
	const text = [...sections.flatMap((section) => sectionLines(section, width)), ...wrapped(verdict, width), ''].join(
		'\n',
	);
	return ascii ? text.replace(/[^\x00-\x7f]/gu, asciiGlyph) : text;
}

/** One object, one line; see docs/batch.md. */
export function doctorJson({ sections, verdict, exitCode, tabs }: Diagnosis): string {
	return `${JSON.stringify({
		doctor: 1,
		exit_code: exitCode,
		verdict,
		sections: sections.map(({ title, checks }) => ({ title, checks })),
		tabs: tabs.map(({ tracer, snapshot, reason, fix, load_ns, leftOut }) => ({
			tab: tracer.id,
			works: snapshot !== undefined,
			left_out: leftOut,
			on_demand: tracer.onDemand === true,
			reason,
			fix,
			load_ns,
			source: snapshot?.source ?? null,
		})),
	})}\n`;
}
