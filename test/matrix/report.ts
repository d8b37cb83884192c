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

/** Check × machine, as Markdown: `yes`, `known` (see the list below it), `**no**`, `–` (not on this machine), `?` (not run). */
export function tableText(
	checks: ReadonlyMap<string, Check>,
	machines: readonly Machine[],
	results: ReadonlyMap<string, Result>,
): string {
	const cell = (name: string, check: Check, machine: Machine): string => {
		if (!check.on(machine)) return '–';
		const outcome = results.get(machine.name)?.outcomes.find((one) => one.check === name);
		return outcome ? WORDS[outcome.verdict] : '?';
	};
	const rows = [...checks].map(([name, check]) => [
		`\`${name}\``,
		...machines.map((machine) => cell(name, check, machine)),
	]);
	const releases = machines.map(({ name }) => results.get(name)?.release.replace(/-(amd|arm)64$/, '') ?? '?');
	const commits = machines.map(({ name }) => results.get(name)?.commit ?? '?');
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
