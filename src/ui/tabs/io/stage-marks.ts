/** Letter and colour of each stage, the same in all of the tab. */

import type { Step } from '../../../core/stages/figures.ts';
import type { Role, Span } from '../../../term/theme.ts';
import { IO_PATH } from '../../../tracers/io/path.ts';

interface Mark {
	name: string;
	letter: string;
	role: Role;
}

/** Waits before and after the device have another colour than the device's time and the kernel's code. */
const roles: Readonly<Record<string, Role>> = { device: 'series1', fs: 'series3', return: 'series3' };

function marksOf(names: readonly string[]): Mark[] {
	const taken = new Set<string>();
	return names.map((name) => {
		const letter = Array.from(name).find((char) => !taken.has(char)) ?? '?';
		taken.add(letter);
		return { name, letter, role: roles[name] ?? 'series2' };
	});
}

const marks: ReadonlyMap<string, Mark> = new Map(
	marksOf(IO_PATH.stages.map(({ name }) => name)).map((mark) => [mark.name, mark]),
);

export function roleOf(stage: string): Role {
	return marks.get(stage)?.role ?? 'plain';
}

/** The whole time in `width` cells, by letters: legible without colours too. */
export function stackedBar(steps: readonly Step[], width: number): Span[] {
	const last = steps.at(-1);
	const whole = last ? last.at_ns + last.ns : 0;
	if (whole <= 0 || width < 1) return [];
	const cell = (ns: number) => Math.round((ns / whole) * width);
	return steps.flatMap(({ stage, at_ns, ns }): Span[] => {
		const cells = cell(at_ns + ns) - cell(at_ns);
		const mark = marks.get(stage);
		return cells > 0 && mark ? [[mark.role, mark.letter.repeat(cells)]] : [];
	});
}

/** Letters of the stages that occur. */
export function legend(stages: ReadonlySet<string>): Span[] {
	return [...marks.values()]
		.filter(({ name }) => stages.has(name))
		.flatMap(({ name, letter, role }): Span[] => [
			[role, letter],
			['dim', ` ${name}  `],
		]);
}
