/** `wattlag compare A B`: two recordings as a table, as JSON or on the screen. */
import { EXIT, systemReason, UsageError } from '../../core/errors.ts';
import type { Snapshot } from '../../core/snapshot.ts';
import type { Description } from '../../core/tracer.ts';
import { sanitize } from '../../lib/sanitize.ts';
import type { CommandLine } from '../../options/command.ts';
import { orUnlimited } from '../../options/values.ts';
import { type CompareInput, compareRecordings, type RecordingComparison } from '../../recording/compare/compare.ts';
import { differentWork } from '../../recording/compare/different-work.ts';
import { openNamed } from '../../recording/recordings.ts';
import type { Entry } from '../../registry.ts';
import { Filter } from '../../rows/filter/bind.ts';
import { Output } from '../output.ts';
import { ProgressLine } from '../progress-line.ts';
import { changeTab } from './change-tab.ts';
import { recordingsJson, recordingsTable, summaryLine } from './recordings-report.ts';

type AnyTracers = readonly Description<object>[];

/** The moment of a mark. */
function markAt({ recording, path }: CompareInput, text: string): number {
	const found = recording.marks.filter((mark) => mark.text === sanitize(text));
	const last = found.at(-1);
	if (last) return last.wall;
	const known = recording.marks.map((mark) => `'${mark.text}'`).slice(0, 8);
	throw new UsageError(
		`${path}: no mark '${text}'; ${known.length > 0 ? `it has ${known.join(', ')}` : 'it has none'}`,
	);
}

async function inputOf(path: string, tracers: AnyTracers, { values }: CommandLine): Promise<CompareInput> {
	const recording = await openNamed(path, tracers);
	const input: CompareInput = { path: sanitize(path), recording };
	const [from, to] = [String(values['from-mark']), String(values['to-mark'])];
	if (from !== '') input.from = markAt(input, from);
	if (to !== '') input.to = markAt(input, to);
	return input;
}

/** The comparison as the snapshot of a tab of its own: filters, `--fail-if` and the screen see it as any other. */
export function snapshotOf(comparison: RecordingComparison): Snapshot {
	const { rows, ...extra } = comparison;
	return {
		tab: changeTab.id,
		time: comparison.b.to,
		mono_ns: 0,
		dt_ns: 1e9,
		group: 'figure',
		source: {
			kind: 'block bootstrap',
			description: `B against A: ${comparison.b.path} against ${comparison.a.path}`,
			uncertainty: '95 % intervals',
			hooks: [],
		},
		lost: {},
		cost: { bpf_ns: 0, bpf_runs: 0, bpf_measured_ns: 0, cpu_ns: 0, rss_bytes: 0, kernel_bytes: null },
		...extra,
		rows,
	} as unknown as Snapshot;
}

export async function compareTwo(line: CommandLine, registry: readonly Entry[]): Promise<RecordingComparison> {
	const tracers = registry.map(({ tracer }) => tracer);
	const first = await inputOf(line.argument, tracers, line);
	const second = await inputOf(line.more[0] ?? '', tracers, line);
	const progress = new ProgressLine('comparing');
	try {
		return await compareRecordings(first, second, (part) => progress.update(part));
	} catch (error) {
		throw new UsageError(systemReason(error));
	} finally {
		progress.end();
		for (const { recording, path } of [first, second]) {
			for (const text of recording.damage()) process.stderr.write(`wattlag: ${path}: ${text}\n`);
			recording.close();
		}
	}
}

/** Print a comparison. Resolves with the exit code. */
export async function printComparison(comparison: RecordingComparison, line: CommandLine): Promise<number> {
	const snapshot = snapshotOf(comparison);
	const tracer = changeTab as unknown as Description<object>;
	const limit = orUnlimited(Number(line.values['limit']));
	const { test } = new Filter(line.filter, [tracer] as never).bind(tracer);
	const rows = comparison.rows.filter((row) => test?.(row as never, 1) ?? true);
	const output = new Output();
	// what the user names is what was meant to change
	const meant = new Set(line.filter === '' ? [] : rows);
	const shown = {
		...comparison,
		rows: rows.slice(0, limit),
		different_work: differentWork(comparison.rows, (row) => meant.has(row)),
	};
	output.print(
		line.values['json'] === true ? recordingsJson(shown) : recordingsTable(shown, rows.length, summaryLine(comparison)),
	);
	const code = await output.end();
	const failIf = String(line.values['fail-if']);
	if (failIf === '' || code !== 0) return code;
	const { Threshold } = await import('../threshold.ts');
	const threshold = new Threshold(failIf, tracer);
	const failure = threshold.look(snapshot, rows);
	if (failure !== undefined) process.stderr.write(`wattlag: ${sanitize(failure)}\n`);
	return threshold.matched ? EXIT.matched : code;
}

/** The comparison on the screen, until the user ends it. */
export async function showComparison(comparison: RecordingComparison, line: CommandLine): Promise<number> {
	const { Store } = await import('../../history/store.ts');
	const { nothingFollows } = await import('../../recording/open.ts');
	const { runLive } = await import('../../ui/live.tsx');
	const store = new Store();
	store.apply({ kind: 'snapshot', snapshot: snapshotOf(comparison) });
	store.freeze();
	const { a, b } = comparison;
	return runLive({
		registry: [
			{
				tracer: changeTab as never,
				tab: async () => (await import('../../ui/compare/tab.ts')).compareTab as never,
			},
		],
		command: { ...line, tab: changeTab.id, sorts: {}, groups: {} },
		sampler: nothingFollows(() => {}),
		store,
		host: {
			host: sanitize(a.host === b.host ? `${a.host} (compared)` : `${a.host} → ${b.host}`),
			kernel: b.kernel,
			cpus: b.cpus,
			load: () => [],
			uptime: () => Number.NaN,
		},
		inspect: () => Promise.reject(new Error('not this machine')),
	});
}
