/**
 * The program on other kernels and machines, in guests of QEMU that run one after the other.
 *   npm run matrix -- [--short] [--machine NAME,…] [--check NAME,…] [--retry] [--update] [--write] [--list | --only-write]
 * `--short`: the machines and checks of continuous integration. `--retry`: what failed runs once more, in a new guest. `--update` fetches newer kernels. `--write` puts the table
 * into docs/matrix.md, made of all results in build/matrix/ and, of what is not there, of the table that stands; `--only-write` does that and
 * runs nothing. Exit code 1: a check failed, or one passed that is marked as
 * failing; 2: wrong options; 130 and the like: ended by a signal.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { writeRegion } from '../bench/document.ts';
import { endOnSignals } from '../truth/leftovers.ts';
import type { Check } from './check.ts';
import { Archive } from './host/archive.ts';
import { bundleAgent, loadChecks } from './host/bundle.ts';
import { Images } from './host/image.ts';
import { runMachine } from './host/machine-run.ts';
import { progress } from './host/progress.ts';
import { type Machine, machines } from './machines.ts';
import { checksText, isError, judgedAnew, type Outcome, type Result, standingTable, tableText } from './report.ts';

class UsageError extends Error {}

const RESULTS = 'build/matrix';

/** Kernels, libraries and Node of other machines: outside of the tree, for all checkouts. */
function cacheFolder(): string {
	const { WATTLAG_MATRIX_CACHE: own, XDG_CACHE_HOME: caches } = process.env;
	return own ?? join(caches?.startsWith('/') ? caches : join(homedir(), '.cache'), 'wattlag-matrix');
}

function chosen(list: string | undefined, all: readonly string[], what: string): ReadonlySet<string> {
	const names = list === undefined ? all : list.split(',');
	const unknown = names.find((name) => !all.includes(name));
	if (unknown !== undefined) throw new UsageError(`no ${what} '${unknown}'; there are ${all.join(', ')}`);
	return new Set(names);
}

function options() {
	try {
		const { values } = parseArgs({
			options: {
				short: { type: 'boolean', default: false },
				machine: { type: 'string' },
				check: { type: 'string' },
				list: { type: 'boolean', default: false },
				retry: { type: 'boolean', default: false },
				update: { type: 'boolean', default: false },
				write: { type: 'boolean', default: false },
				'only-write': { type: 'boolean', default: false },
			},
		});
		return values;
	} catch (error) {
		throw new UsageError((error as Error).message);
	}
}

/** What is to run: machines with the names of their checks. */
function plan(
	{ short, machine, check }: ReturnType<typeof options>,
	checks: ReadonlyMap<string, Check>,
): { machine: Machine; names: string[] }[] {
	const wantedMachines = chosen(
		machine,
		machines.map(({ name }) => name),
		'machine',
	);
	const wantedChecks = chosen(check, [...checks.keys()], 'check');
	return machines
		.filter(({ name, short: inShort }) => wantedMachines.has(name) && (!short || inShort || machine !== undefined))
		.map((one) => ({
			machine: one,
			names: [...checks].flatMap(([name, { on, short: inShort }]) =>
				wantedChecks.has(name) && on(one) && (!short || inShort || check !== undefined) ? [name] : [],
			),
		}))
		.filter(({ names }) => names.length > 0);
}

const resultPath = (machine: string): string => join(RESULTS, `${machine}.json`);

function savedResult(machine: string): Result | undefined {
	const path = resultPath(machine);
	return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Result) : undefined;
}

/** Of the checkout; `+`: changed since. */
function commit(): string {
	const git = (...args: string[]): string => execFileSync('git', args, { encoding: 'utf8', stdio: 'pipe' }).trim();
	try {
		const changed = git('status', '--porcelain', '--untracked-files=no') !== '';
		return `${git('rev-parse', '--short', 'HEAD')}${changed ? '+' : ''}`;
	} catch {
		// sources without their history
		return '?';
	}
}

/** Keep what was found, beside what was found earlier by checks that did not run now. */
function save(machine: string, release: string, outcomes: readonly Outcome[]): void {
	const ran = new Set(outcomes.map(({ check }) => check));
	const before = savedResult(machine);
	const kept =
		before?.release === release
			? before.outcomes
					.filter(({ check }) => !ran.has(check))
					.map((outcome) => ({ ...outcome, commit: outcome.commit ?? before.commit }))
			: [];
	mkdirSync(RESULTS, { recursive: true });
	const result: Result = { machine, release, commit: commit(), outcomes: [...kept, ...outcomes] };
	writeFileSync(resultPath(machine), `${JSON.stringify(result, null, '\t')}\n`);
}

/** Run what is planned. Resolves with whether all went as expected. */
async function runAll(
	planned: ReturnType<typeof plan>,
	checks: ReadonlyMap<string, Check>,
	{ update, retry }: ReturnType<typeof options>,
): Promise<boolean> {
	const cache = cacheFolder();
	mkdirSync(cache, { recursive: true });
	const archive = new Archive(cache);
	if (update) {
		archive.update();
		rmSync(join(cache, 'kernels'), { recursive: true, force: true });
	}
	await bundleAgent();
	const images = new Images(archive, cache);
	let passed = true;
	for (const { machine, names } of planned) {
		const image = images.of(machine);
		progress(`${machine.name}: Linux ${image.kernel.release}, ${names.length} checks`);
		let outcomes = await runMachine({ machine, image, checks, names });
		const failed = outcomes.filter(({ verdict }) => isError(verdict)).map(({ check }) => check);
		if (retry && failed.length > 0) {
			// a check that judges the others says nothing without them
			const again = failed.some((name) => checks.get(name)?.last) ? names : failed;
			progress(`${machine.name}: once more: ${again.join(' ')}`);
			const second = await runMachine({ machine, image, checks, names: again });
			outcomes = [
				...outcomes.filter(({ check }) => !again.includes(check)),
				...second.map((outcome) => ({ ...outcome, notes: ['at its second run', ...outcome.notes] })),
			];
		}
		save(machine.name, image.kernel.release, outcomes);
		if (outcomes.some(({ verdict }) => isError(verdict))) passed = false;
	}
	return passed;
}

async function main(): Promise<boolean> {
	const wanted = options();
	const checks = await loadChecks();
	const planned = plan(wanted, checks);
	if (wanted.list) {
		for (const { machine, names } of planned) process.stdout.write(`${machine.name}: ${names.join(' ')}\n`);
		return true;
	}
	const passed = wanted['only-write'] || (await runAll(planned, checks, wanted));
	const results = new Map(
		machines.flatMap((machine) => {
			const result = savedResult(machine.name);
			return result ? [[machine.name, judgedAnew(result, checks, machine)] as const] : [];
		}),
	);
	const shown = planned.map(({ machine }) => machine);
	const ran = new Set(planned.flatMap(({ names }) => names));
	const shownChecks = new Map([...checks].filter(([name]) => ran.has(name)));
	process.stdout.write(`${tableText(shownChecks, shown, results)}\n`);
	if (wanted.write || wanted['only-write']) {
		const standing = standingTable(readFileSync('docs/matrix.md', 'utf8'));
		writeRegion('docs/matrix.md', 'matrix', tableText(checks, machines, results, standing));
		writeRegion('docs/matrix.md', 'checks', checksText(checks));
	}
	return passed;
}

endOnSignals('matrix');
try {
	process.exitCode = (await main()) ? 0 : 1;
} catch (error) {
	const mistake = error instanceof UsageError;
	process.stderr.write(`matrix: ${mistake ? error.message : (error as Error).stack}\n`);
	process.exitCode = mistake ? 2 : 1;
}
