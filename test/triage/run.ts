/**
 * Makes each trouble of cases.ts on this machine, some times, and checks the first line of the overview: `npm run triage-cases`.
 * `--runs N`, `--case PATTERN`; `--write` puts the rows into the table of docs/triage.md, beside those of other cases;
 * `--quiet SECONDS`: a load like a build instead, which should get no severe line; `--corpus`: the rules about progress on made-up
 * sequences. A run takes 10 to 20 s.
 */
import { parseArgs } from 'node:util';
import { cases } from './cases.ts';
import { scores } from './corpus.ts';
import { makeTrouble } from './once.ts';
import { Postgres, postgresFolder } from './postgres.ts';
import { quiet } from './quiet.ts';
import { type CaseResult, rowOf, tableHead, writeRow } from './table.ts';

const print = (text: string) => process.stdout.write(`${text}\n`);

function corpus(): void {
	const { precision, recall, judgements } = scores(10, [1, 2, 3, 4]);
	print(`corpus: ${judgements.length} sequences, precision ${precision.toFixed(3)}, recall ${recall.toFixed(3)}`);
	for (const { name, wrong, missed } of judgements)
		if (wrong + missed > 0) print(`  ${name}: ${wrong} wrong, ${missed} missed`);
}

/** Returns the number of cases that were not right often enough. */
async function run(pattern: RegExp, runs: number, write: boolean): Promise<number> {
	const programs = postgresFolder();
	if (programs === undefined) {
		process.stderr.write(
			'triage-cases: PostgreSQL with pgbench is not installed: apt-get install postgresql postgresql-contrib\n',
		);
		process.exit(77);
	}
	const postgres = new Postgres(programs, 15_432 + (process.pid % 1000));
	let failed = 0;
	try {
		print(tableHead);
		for (const one of cases) {
			if (!pattern.test(one.name)) continue;
			const result: CaseResult = { name: one.name, wanted: one.wanted, missing: one.missing?.(), runs: [] };
			for (let index = 0; index < runs && result.missing === undefined; index++)
				result.runs.push(await makeTrouble(one, postgres));
			const right = result.runs.filter(({ after }) => after !== null).length;
			if (right < result.runs.length * 0.9 || result.runs.some(({ falseSevere }) => falseSevere.length > 0)) failed++;
			print(rowOf(result));
			for (const { text, anywhere } of result.runs.filter(({ after }) => after === null))
				print(
					`  not right (${anywhere === null ? 'not there' : `a later line after ${anywhere.toFixed(1)} s`}): ${text}`,
				);
			if (write) writeRow(result);
		}
	} finally {
		postgres.close();
	}
	return failed;
}

const { values } = parseArgs({
	options: {
		runs: { type: 'string', default: '1' },
		case: { type: 'string', default: '' },
		write: { type: 'boolean', default: false },
		quiet: { type: 'string' },
		corpus: { type: 'boolean', default: false },
	},
});
if (values.corpus) corpus();
else if (values.quiet !== undefined) await quiet(Number(values.quiet));
else process.exitCode = (await run(new RegExp(values.case), Number(values.runs), values.write)) > 0 ? 1 : 0;
