/** What the built program's overview says, interval by interval. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Snapshot } from '../../src/core/snapshot.ts';
import type { Finding } from '../../src/tracers/overview/finding.ts';
import type { OverviewExtra, OverviewRow } from '../../src/tracers/overview/snapshot.ts';

export type Line = Snapshot<OverviewRow, OverviewExtra>;

/** Lines of the program until `enough` has one; null: it never came within so many intervals. */
export async function watch(
	intervals: number,
	enough: (line: Line) => boolean,
	more: readonly string[] = [],
): Promise<Line | null> {
	const args = [...more, '--batch', '--json', '--tab', 'overview', '--delay', '1', '--iterations', String(intervals)];
	const program = spawn('bin/wattlag', args, { stdio: ['ignore', 'pipe', 'inherit'] });
	const ended = once(program, 'exit');
	try {
		for await (const text of createInterface({ input: program.stdout })) {
			const line = JSON.parse(text) as Line;
			if (enough(line)) return line;
		}
		return null;
	} finally {
		program.kill('SIGTERM');
		await ended;
	}
}

/**
 * Wait for a finding, end what it is about, and wait until it has gone. Returns it and the interval that had it, or fails.
 * @param end is not waited for
 * @param args more options of the program
 */
export async function comesAndGoes(
	is: (finding: Finding) => boolean,
	end: () => void,
	...args: string[]
): Promise<{ finding: Finding; line: Line }> {
	let found: { finding: Finding; line: Line } | undefined;
	const said = new Set<string>();
	const gone = await watch(
		60,
		(line) => {
			const finding = line.findings.find(is);
			for (const { rule, subject, text } of line.findings) said.add(`${rule}: ${subject}: ${text}`);
			if (finding && !found) {
				found = { finding, line };
				end();
			}
			return found !== undefined && !finding;
		},
		args,
	);
	if (!found) throw new Error(`it never came; what came: ${[...said].join('\n')}`);
	if (!gone) throw new Error(`it never went: ${found.finding.text}`);
	return found;
}
