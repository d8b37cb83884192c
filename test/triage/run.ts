/**
 * Makes each trouble of cases.ts on this machine, some times, and checks the first line of the overview: `npm run triage-cases`.
 * `--runs N`, `--case PATTERN`; `--budget MINUTES`: fewer runs where it takes longer; `--late`: the program starts after the
 * trouble has begun; `--write` puts the rows into the table of docs/triage.md after each case, beside those of other cases;
 * `--quiet SECONDS`: a load like a build instead, which should get no severe line; with `--write` it is added to the series in
 * docs/triage.md; `--corpus`: the rules about progress on made-up and recorded sequences; `--record SECONDS` records these anew. A run
 * takes 5 to 10 s; that of two Node workers, which have to have worked first, 22.
 */
import { parseArgs } from 'node:util';
import { type Case, cases } from './cases.ts';
import { scores } from './corpus.ts';
import { type Outcome, Scene } from './once.ts';
import { Postgres, postgresFolder } from './postgres.ts';
import { quiet } from './quiet.ts';
import { falseLines, recorded, recordSequences } from './recorded.ts';
import { type CaseResult, rowOf, tableHead, writeRows } from './table.ts';

const print = (text: string) => process.stdout.write(`${text}\n`);

function corpus(): void {
	const { precision, recall, judgements } = scores(10, [1, 2, 3, 4]);
	print(`corpus: ${judgements.length} sequences, precision ${precision.toFixed(3)}, recall ${recall.toFixed(3)}`);
	for (const { name, wrong, missed } of judgements)
		if (wrong + missed > 0) print(`  ${name}: ${wrong} wrong, ${missed} missed`);
	const sequences = recorded();
	const wrong = sequences
		.map((one) => ({ name: one.name, lines: falseLines(one) }))
		.filter(({ lines }) => lines.length > 0);
	const seconds = sequences.reduce((sum, { rows }) => sum + rows.length, 0);
	print(`recorded: ${sequences.length} sequences, ${seconds} s, ${wrong.length} with false lines`);
	for (const { name, lines } of wrong)
		print(`  ${name}: ${lines[0]?.kind} in second ${lines[0]?.second}, ${lines.length} s`);
}

async function record(seconds: number): Promise<void> {
	const postgres = new Postgres(programsOrExit(), 14_432 + (process.pid % 1000));
	try {
		print(await recordSequences(postgres, seconds));
	} finally {
		postgres.close();
	}
}

/** The folder of PostgreSQL's programs. */
function programsOrExit(): string {
	const programs = postgresFolder();
	if (programs !== undefined) return programs;
	process.stderr.write(
		'triage-cases: PostgreSQL with pgbench is not installed: apt-get install postgresql postgresql-contrib\n',
	);
	process.exit(77);
}

interface Series {
	pattern: RegExp;
	runs: number;
	/** ms for all cases. */
	budget: number;
	late: boolean;
	write: boolean;
}

function lineOf({ after, anywhere, text, falseSevere }: Outcome): string {
	const severe = falseSevere.length > 0 ? `; false severe: ${[...new Set(falseSevere)].join(', ')}` : '';
	if (after !== null) return `right after ${after.toFixed(1)} s${severe}`;
	const there = anywhere === null ? 'not there' : `a later line after ${anywhere.toFixed(1)} s`;
	return `not right (${there}): ${text}${severe}`;
}

/** A run, tried twice; a string: why the trouble could not be made. */
async function attempt(scene: Scene, one: Case): Promise<Outcome | string> {
	for (let tries = 0; ; tries++) {
		try {
			return await scene.make(one);
		} catch (error) {
			if (tries > 0) return (error as Error).message;
		}
	}
}

/** Returns the number of cases that were not right often enough. */
async function run({ pattern, runs, budget, late, write }: Series): Promise<number> {
	const chosen = cases.filter(({ name }) => pattern.test(name));
	const until = performance.now() + budget;
	const postgres = new Postgres(programsOrExit(), 15_432 + (process.pid % 1000));
	const scene = new Scene(postgres, late);
	const rows: string[] = [];
	let failed = 0;
	let interrupted = false;
	const interrupt = () => {
		interrupted = true;
	};
	for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, interrupt);
	try {
		for (const [at, one] of chosen.entries()) {
			if (interrupted) break;
			const result: CaseResult = { name: one.name, wanted: one.wanted, missing: one.missing?.(), runs: [] };
			// what earlier cases left over is shared by those that follow
			const share = performance.now() + (until - performance.now()) / (chosen.length - at);
			for (let index = 0; index < runs && result.missing === undefined && !interrupted; index++) {
				if (index > 0 && performance.now() > share) break;
				const begun = performance.now();
				const outcome = await attempt(scene, one);
				const took = `${((performance.now() - begun) / 1000).toFixed(0)} s in all`;
				if (typeof outcome === 'string') print(`${one.name} ${index + 1}/${runs}: did not begin, left out: ${outcome}`);
				else {
					result.runs.push(outcome);
					print(`${one.name} ${index + 1}/${runs}: ${lineOf(outcome)} (${took})`);
				}
			}
			const right = result.runs.filter(({ after }) => after !== null).length;
			if (right < result.runs.length * 0.9 || result.runs.some(({ falseSevere }) => falseSevere.length > 0)) failed++;
			rows.push(rowOf(result));
			if (write && (result.missing !== undefined || result.runs.length > 0)) writeRows([result], runs);
		}
	} finally {
		await scene.close();
		postgres.close();
	}
	print([tableHead, ...rows].join('\n'));
	return failed;
}

const { values } = parseArgs({
	options: {
		runs: { type: 'string', default: '1' },
		case: { type: 'string', default: '' },
		budget: { type: 'string', default: '600' },
		late: { type: 'boolean', default: false },
		write: { type: 'boolean', default: false },
		quiet: { type: 'string' },
		corpus: { type: 'boolean', default: false },
		record: { type: 'string' },
	},
});
if (values.corpus) corpus();
else if (values.record !== undefined) await record(Number(values.record));
else if (values.quiet !== undefined) await quiet(Number(values.quiet), values.write);
else {
	const { late, write } = values;
	const series = { runs: Number(values.runs), budget: Number(values.budget) * 60_000, late, write };
	process.exitCode = (await run({ pattern: new RegExp(values.case), ...series })) > 0 ? 1 : 0;
}
