/** Output for scripts: one JSON object or one plain table per interval on standard output, nothing else there. */
import { Filter } from './filter/bind.ts';
import { formatValue } from './format.ts';
import { firstDirection, sortRows } from './query.ts';
import type { Sampler } from './sampler.ts';
import { sanitize } from './sanitize.ts';
import type { Snapshot } from './snapshot.ts';
import { Threshold } from './threshold.ts';
import type { Column, Tracer } from './tracers/tracer.ts';
import { filterTree, sortTree, treeIndent } from './tree.ts';

export interface BatchOptions {
	tracer: Tracer<object, object>;
	json: boolean;
	iterations: number;
	limit: number;
	/** Column key. */
	sort: string;
	/** Rows to print; checked with the columns of all `tracers`. */
	filter?: string;
	/** What no row of those that pass the filter should match; see {@link Threshold}. */
	failIf?: string;
	tracers?: readonly Tracer<object, object>[];
}

/** Exit code when a row has matched `--fail-if`. */
const FAILED = 3;
/** Exit code when nothing could be measured. */
const UNAVAILABLE = 77;

/** One interval as a line of JSON; `limit` cuts the rows after sorting. */
export function jsonLine(snapshot: Snapshot, rows: readonly object[]): string {
	return `${JSON.stringify({ ...snapshot, rows })}\n`;
}

function cell(column: Column<object>, row: object, seconds: number): string {
	const indent = column.label ? treeIndent(row, column.width) : '';
	const text = indent + formatValue(column.kind, column.value(row, seconds), column.width - indent.length);
	return align(column, text);
}

function align(column: Column<object>, text: string): string {
	return column.kind === 'text' ? text.padEnd(column.width) : text.padStart(column.width);
}

/** One interval as a table: a line about the interval, the header, the rows, a blank line. */
export function plainTable(tracer: Tracer<object, object>, snapshot: Snapshot, rows: readonly object[]): string {
	const seconds = snapshot.dt_ns / 1e9;
	const columns = tracer.columns.filter((column) => column.shown?.(snapshot) ?? true);
	const lost = Object.values(snapshot.lost).reduce((sum, count) => sum + count, 0);
	return [
		`${tracer.title} - ${snapshot.time}, ${seconds.toFixed(2)} s, source ${snapshot.source.kind} (${snapshot.source.uncertainty}), lost ${lost}`,
		columns
			.map((column) => align(column, column.title))
			.join(' ')
			.trimEnd(),
		...rows.map((row) =>
			columns
				.map((column) => cell(column, row, seconds))
				.join(' ')
				.trimEnd(),
		),
		'',
		'',
	].join('\n');
}

/**
 * Print until `iterations` snapshots have come; without an end, until a row matches `failIf`. Resolves with the exit code.
 */
export function runBatch(sampler: Sampler, options: BatchOptions): Promise<number> {
	const { tracer } = options;
	const sort = tracer.columns.find((column) => column.key === options.sort);
	const { test, ignored } = new Filter(options.filter ?? '', (options.tracers ?? [tracer]) as never).bind(tracer);
	for (const term of ignored)
		process.stderr.write(`wattlag: filter: '${term}' is ignored: tab ${tracer.id} has no such column\n`);
	const threshold = options.failIf ? new Threshold(options.failIf, tracer) : undefined;
	return new Promise((resolve) => {
		let printed = 0;
		let last = options.iterations;
		const done = () => resolve(threshold?.matched ? FAILED : 0);
		// a reader that has seen enough (head) is no failure
		process.stdout.on('error', (error: NodeJS.ErrnoException) => (error.code === 'EPIPE' ? done() : resolve(1)));
		sampler.subscribe((event) => {
			if (printed >= last) return;
			switch (event.kind) {
				case 'snapshot': {
					const { snapshot } = event;
					// others are what this one is made of
					if (snapshot.tab !== tracer.id) return;
					const seconds = snapshot.dt_ns / 1e9;
					const tree = snapshot.group === 'tree';
					const passes = (row: object) => test?.(row as never, seconds) ?? true;
					const matching = tree ? filterTree(snapshot.rows, passes) : snapshot.rows.filter(passes);
					const rows = (tree ? sortTree : sortRows)(matching, sort, firstDirection(sort), seconds).slice(
						0,
						options.limit,
					);
					process.stdout.write(options.json ? jsonLine(snapshot, rows) : plainTable(tracer, snapshot, rows));
					const failure = threshold?.look(snapshot, snapshot.rows.filter(passes));
					if (failure !== undefined) process.stderr.write(`wattlag: ${sanitize(failure)}\n`);
					printed += 1;
					// a run without an end ends here: its exit code would never come
					if (threshold?.matched && last === Number.POSITIVE_INFINITY) last = printed;
					if (printed >= last) done();
					break;
				}
				case 'unavailable':
					process.stderr.write(`wattlag: ${event.tab}: ${event.reason}; ${event.fix}\n`);
					// where there have been figures before, the next try is waited for
					if (event.tab === tracer.id && (event.retry_s === undefined || printed === 0)) resolve(UNAVAILABLE);
					break;
				case 'worker-failed':
					process.stderr.write(
						`wattlag: sampling failed: ${event.message}${event.restarting ? '; restarting it once' : ''}\n`,
					);
					if (!event.restarting) resolve(1);
					break;
			}
		});
	});
}
