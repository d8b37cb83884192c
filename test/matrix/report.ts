/** What a guest reports, line by line, and the table that is made of it. */
import { markdownTable } from '../bench/figures.ts';
import type { Check } from './check.ts';
import type { Machine } from './machines.ts';

/** A line of /result/lines. */
export type Line =
	| { kind: 'begun'; check: string }
	/** What the host is to do with the guest: let it stand still, or give QEMU's monitor a command. */
	| { kind: 'host'; check: string; stop_s?: number; monitor?: string }
	| { kind: 'ended'; check: string; failure: string; notes: string[]; seconds: number };

/** `known`: failed as expected; `fixed`: passed although it was expected to fail. */
export type Verdict = 'passed' | 'failed' | 'known' | 'fixed';

export interface Outcome {
	check: string;
	verdict: Verdict;
	/** The guest stopped meanwhile: that is an error even where the check is known to fail. */
	stopped?: true;
	/** What did not hold; empty: nothing. */
	failure: string;
	notes: string[];
	seconds: number;
	/** Of the checkout when it ran, where that is not the result's own. */
	commit?: string;
}

/** All that is known of a machine. */
export interface Result {
	machine: string;
	/** Of the kernel, `6.12.118+deb13-amd64`. */
	release: string;
	/** Of the checkout when the machine ran last, short; `+` when it was changed since. */
	commit: string;
	outcomes: Outcome[];
}

/** Does the check's mark hold on this machine? */
function expectation({ expected }: Check, machine: Machine): 'passes' | 'fails' | 'varies' {
	return expected && (expected.on?.(machine) ?? true) ? expected.outcome : 'passes';
}

export function verdictOf(check: Check, machine: Machine, failure: string): Verdict {
	const expected = expectation(check, machine);
	if (failure === '') return expected === 'fails' ? 'fixed' : 'passed';
	return expected === 'passes' ? 'failed' : 'known';
}

/** What was found earlier, by the marks of today. */
export function judgedAnew(result: Result, checks: ReadonlyMap<string, Check>, machine: Machine): Result {
	const outcomes = result.outcomes.flatMap((outcome) => {
		const check = checks.get(outcome.check);
		if (!check) return [];
		return [outcome.stopped ? outcome : { ...outcome, verdict: verdictOf(check, machine, outcome.failure) }];
	});
	return { ...result, outcomes };
}

export const isError = (verdict: Verdict): boolean => verdict === 'failed' || verdict === 'fixed';

const WORDS: Readonly<Record<Verdict, string>> = {
	passed: 'yes',
	failed: '**no**',
	known: 'known',
	fixed: '**fixed**',
};

/** Cells of a table by the first cell of their row, then by the machine of their column. */
export type Standing = ReadonlyMap<string, ReadonlyMap<string, string>>;

/** The cells of a table that {@link tableText} made, with other text around it. */
export function standingTable(document: string): Standing {
	const rows = document.split('\n').flatMap((line) => {
		const [, inner] = /^\| (.*) \|$/.exec(line) ?? [];
		return inner === undefined ? [] : [inner.split(' | ')];
	});
	const head = rows.findIndex(([first]) => first === 'check');
	const [, ...names] = rows[head] ?? [];
	return new Map(
		rows
			.slice(head + 1)
			.map(([first = '', ...cells]) => [first, new Map(names.map((name, index) => [name, cells[index] ?? '?']))]),
	);
}

const withoutArch = (release: string): string => release.replace(/-(amd|arm)64$/, '');

/**
 * Check × machine, as Markdown: `yes`, `known` (see the list below it), `**no**`, `–` (not on this machine), `?` (not run).
 * @param standing cells of checks that no result has: they stay, unless the machine's kernel is another one by now
 */
export function tableText(
	checks: ReadonlyMap<string, Check>,
	machines: readonly Machine[],
	results: ReadonlyMap<string, Result>,
	standing: Standing = new Map(),
): string {
	const stands = (row: string, { name }: Machine): string => {
		const [now, then] = [results.get(name)?.release, standing.get('kernel')?.get(name)];
		return now === undefined || withoutArch(now) === then ? (standing.get(row)?.get(name) ?? '?') : '?';
	};
	const outcomeOf = (name: string, machine: Machine) =>
		results.get(machine.name)?.outcomes.find(({ check }) => check === name);
	const cell = (name: string, check: Check, machine: Machine): string => {
		if (!check.on(machine)) return '–';
		const outcome = outcomeOf(name, machine);
		if (outcome) return WORDS[outcome.verdict];
		const stood = stands(`\`${name}\``, machine);
		// a check that was not for this machine
		return stood === '–' ? '?' : stood;
	};
	const rows = [...checks].map(([name, check]) => [
		`\`${name}\``,
		...machines.map((machine) => cell(name, check, machine)),
	]);
	const releases = machines.map((machine) => {
		const release = results.get(machine.name)?.release;
		return release === undefined ? stands('kernel', machine) : withoutArch(release);
	});
	/** Of all cells of the column, those that stood first. */
	const commits = machines.map((machine, column) => {
		const result = results.get(machine.name);
		const kept = [...checks].some(
			([name], row) => !outcomeOf(name, machine) && !['?', '–'].includes(rows[row]?.[column + 1] ?? '?'),
		);
		const of = [
			...(kept ? stands('commit', machine).split(', ') : []),
			...(result?.outcomes.map(({ commit = result.commit }) => commit) ?? []),
		];
		return [...new Set(of)].join(', ') || '?';
	});
	return markdownTable(
		['check', ...machines.map(({ name }) => name)],
		[['kernel', ...releases], ['commit', ...commits], ...rows],
	);
}

/** What each check shows, and why a known one does not pass. */
export function checksText(checks: ReadonlyMap<string, Check>): string {
	return [...checks]
		.map(([name, { shows, expected }]) => {
			const mark = expected
				? ` **${expected.outcome === 'fails' ? 'Known to fail' : 'Varies'}:** ${expected.reason}`
				: '';
			return `- \`${name}\`: ${shows}${mark}`;
		})
		.join('\n');
}
