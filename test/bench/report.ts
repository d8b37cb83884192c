/** Results that are kept: a file for each section, and the document made of them. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type SectionResult, sectionText } from './figures.ts';
import { goalsText, judged } from './goals.ts';
import { type Machine, machineText } from './machine.ts';

/** A section and where it was measured: several may have been measured apart. */
export interface Measured {
	machine: Machine;
	result: SectionResult;
}

/** Six digits of every value. Returns where they are. */
export function save(directory: string, measured: Measured): string {
	mkdirSync(directory, { recursive: true });
	const path = `${directory}/${measured.result.id}.json`;
	const digits = (_: string, value: unknown): unknown =>
		typeof value === 'number' ? Number(value.toPrecision(6)) : value;
	writeFileSync(path, `${JSON.stringify(measured, digits)}\n`);
	return path;
}

/** What was kept of these sections. */
export function load(directory: string, ids: readonly string[]): Measured[] {
	return ids
		.map((id) => `${directory}/${id}.json`)
		.filter((path) => existsSync(path))
		.map((path) => JSON.parse(readFileSync(path, 'utf8')) as Measured);
}

/** Goals, then the sections, as Markdown. The machine is named once for all sections of one run. */
export function reportText(all: readonly Measured[]): string {
	let said = '';
	const parts = all.flatMap(({ machine, result }) => {
		const text = machineText(machine);
		const news = text === said ? [] : [text, ''];
		said = text;
		return [...news, sectionText(result)];
	});
	const goals = all.flatMap(({ machine, result }) => judged(result, machine.measured));
	return [goalsText(goals), '', ...parts].join('\n');
}
