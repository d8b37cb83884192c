/** Results that are kept: a file for each section, and the document made of the newest of all. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type SectionResult, sectionText } from './figures.ts';
import { goals, goalsText } from './goals.ts';
import { type Machine, machineText } from './machine.ts';

/** A section and where it was measured: several may have been measured apart. */
export interface Measured {
	machine: Machine;
	result: SectionResult;
}

const DIRECTORY = 'build/bench';

function pathOf(id: string): string {
	return `${DIRECTORY}/${id}.json`;
}

/** Returns where all values are. */
export function save(measured: Measured): string {
	mkdirSync(DIRECTORY, { recursive: true });
	const all = { ...measured, goals: goals([measured.result]) };
	writeFileSync(pathOf(measured.result.id), `${JSON.stringify(all, null, '\t')}\n`);
	return pathOf(measured.result.id);
}

/** What was measured last of these sections. */
export function load(ids: readonly string[]): Measured[] {
	return ids
		.map(pathOf)
		.filter((path) => existsSync(path))
		.map((path) => JSON.parse(readFileSync(path, 'utf8')) as Measured);
}

/** Goals, then the sections, as Markdown. The machine is told once for all that were measured in the same run. */
export function reportText(all: readonly Measured[]): string {
	let said = '';
	const parts = all.flatMap(({ machine, result }) => {
		const text = machineText(machine);
		const news = text === said ? [] : [text, ''];
		said = text;
		return [sectionText(result), ...news];
	});
	return [goalsText(goals(all.map(({ result }) => result))), '', ...parts].join('\n');
}
