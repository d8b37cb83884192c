/**
 * Makes each trouble of cases.ts on this machine, some times, and checks the first line of the overview: `npm run triage-cases`,
 * with `--corpus` (the rules about progress on made-up sequences), `--runs N`, `--case PATTERN`, `--quiet SECONDS` (a load like a build instead, which should get no severe line). Prints the
 * table of docs/triage.md. Takes 30 s for each run.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import type { Finding } from '../../src/tracers/overview/finding.ts';
import { type Case, cases } from './cases.ts';
import { scores } from './corpus.ts';
import { Postgres, postgresFolder, start, stop } from './postgres.ts';

interface Line {
	at: number;
	findings: Finding[];
}

/** Seconds within which the line has to be there. */
const WITHIN = 10;
const SETTLE = 4;

const sleep = (seconds: number) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

/** The overview's findings, as they come. */
function watch(): { lines: Line[]; ready: Promise<void>; end(): Promise<void> } {
	const child = spawn('bin/wattlag', ['--batch', '--tab', 'overview', '--json', '--limit', '1'], {
		stdio: ['ignore', 'pipe', 'ignore'],
	});
	const lines: Line[] = [];
	const first = Promise.withResolvers<void>();
	createInterface({ input: child.stdout }).on('line', (text) => {
		const { findings } = JSON.parse(text) as { findings: Finding[] };
		lines.push({ at: performance.now(), findings });
		first.resolve();
	});
	const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
	void ended.then(first.resolve);
	return {
		lines,
		ready: first.promise,
		async end() {
			child.kill('SIGTERM');
			await ended;
		},
	};
}

interface Result {
	/** Seconds to the right first line; null: not within {@link WITHIN}. */
	after: number | null;
	/** Seconds to the right line, wherever it is. */
	anywhere: number | null;
	text: string;
	falseSevere: string[];
}

async function once(one: Case, postgres: Postgres): Promise<Result> {
	const folder = mkdtempSync(join(process.env['TRIAGE_DIR'] ?? tmpdir(), 'wattlag-trouble-'));
	execChmod(folder);
	const load = one.load.length > 0 ? postgres.pgbench(...one.load) : undefined;
	const overview = watch();
	let finish = async () => {};
	try {
		await overview.ready;
		await sleep(SETTLE);
		finish = await one.begin(postgres, folder);
		const begun = performance.now();
		const right = () => overview.lines.find(({ at, findings }) => at >= begun && findings[0] && one.right(findings[0]));
		while (performance.now() - begun < WITHIN * 1000 + 500 && !right()) await sleep(0.2);
		const found = right();
		const anywhere = overview.lines.find(({ at, findings }) => at >= begun && findings.some(one.right));
		const last = found ?? overview.lines.at(-1);
		return {
			after: found ? (found.at - begun) / 1000 : null,
			anywhere: anywhere ? (anywhere.at - begun) / 1000 : null,
			text: last?.findings[0] ? `${last.findings[0].subject}: ${last.findings[0].text}` : 'nothing stands out',
			falseSevere: overview.lines.flatMap(({ findings }) =>
				findings
					.filter((finding) => finding.level === 'severe' && !one.right(finding))
					.map(({ rule, subject }) => `${rule} ${subject}`),
			),
		};
	} finally {
		await overview.end();
		await finish();
		if (load) await stop(load);
		rmSync(folder, { recursive: true, force: true });
		await sleep(1.5);
	}
}

function execChmod(folder: string): void {
	process.getuid?.() === 0 && spawn('chmod', ['755', folder]);
}

/** No trouble, but a machine that works hard. */
async function quiet(seconds: number): Promise<void> {
	const build = start(
		[
			'sh',
			'-c',
			'while :; do touch bpf/overview/overview.bpf.c; for f in bpf/*/*.bpf.c; do clang -g -O2 -target bpf -D__TARGET_ARCH_x86 -I bpf -c "$f" -o /dev/null & done; wait; done',
		],
		seconds + 10,
	);
	const overview = watch();
	await sleep(seconds);
	await overview.end();
	await stop(build);
	const severe = overview.lines.flatMap(({ findings }) => findings.filter(({ level }) => level === 'severe'));
	process.stdout.write(
		`beside a build, ${seconds} s: ${overview.lines.length} intervals, ${severe.length} severe lines\n`,
	);
	for (const { rule, subject, text } of severe.slice(0, 10)) process.stdout.write(`  ${rule} ${subject}: ${text}\n`);
}

const { values } = parseArgs({
	options: {
		runs: { type: 'string', default: '1' },
		case: { type: 'string', default: '' },
		quiet: { type: 'string' },
		corpus: { type: 'boolean', default: false },
	},
});
if (values.corpus) {
	const { precision, recall, judgements } = scores(10, [1, 2, 3, 4]);
	process.stdout.write(
		`corpus: ${judgements.length} sequences, precision ${precision.toFixed(3)}, recall ${recall.toFixed(3)}\n`,
	);
	for (const { name, wrong, missed } of judgements)
		if (wrong + missed > 0) process.stdout.write(`  ${name}: ${wrong} wrong, ${missed} missed\n`);
	process.exit(0);
}
if (values.quiet !== undefined) {
	await quiet(Number(values.quiet));
	process.exit(0);
}
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
	process.stdout.write(
		'| trouble | wanted first | right first line in 10 s | seconds (median) | anywhere | false severe | the line |\n| --- | --- | --- | --- | --- | --- | --- |\n',
	);
	for (const one of cases) {
		if (!new RegExp(values.case).test(one.name)) continue;
		const missing = one.missing?.();
		if (missing !== undefined) {
			process.stdout.write(`| ${one.name} | ${one.wanted} | not run: ${missing} | | | | |\n`);
			continue;
		}
		const results: Result[] = [];
		for (let run = 0; run < Number(values.runs); run++) results.push(await once(one, postgres));
		const times = results.flatMap(({ after }) => after ?? []).sort((a, b) => a - b);
		const anywhere = results.filter((result) => result.anywhere !== null).length;
		const wrong = results.flatMap(({ falseSevere }) => falseSevere);
		if (times.length < results.length * 0.9 || wrong.length > 0) failed++;
		const median = times.length > 0 ? (times[times.length >> 1] as number).toFixed(1) : '–';
		const text = (results.at(-1)?.text ?? '').replaceAll('|', '\\|');
		process.stdout.write(
			`| ${one.name} | ${one.wanted} | ${times.length} of ${results.length} | ${median} | ${anywhere} | ${[...new Set(wrong)].join(', ') || 0} | ${text} |\n`,
		);
	}
} finally {
	postgres.close();
}
process.exit(failed > 0 ? 1 : 0);
