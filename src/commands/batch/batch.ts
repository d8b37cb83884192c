/** Output for scripts: one JSON object or one plain table per interval on standard output, nothing else there. */

import { EXIT } from '../../core/errors.ts';
import type { Sampler } from '../../core/sampler.ts';
import { type Snapshot, secondsOf } from '../../core/snapshot.ts';
import type { Column, Description } from '../../core/tracer.ts';
import { formatValue } from '../../lib/format.ts';
import { sanitize } from '../../lib/sanitize.ts';
import { fitCells } from '../../lib/width.ts';
import { Filter } from '../../rows/filter/bind.ts';
import { treeIndent } from '../../rows/tree.ts';
import { jsonLine, rowsOf } from '../json-lines.ts';
import { Output } from '../output.ts';
import { Threshold } from '../threshold.ts';

export interface BatchOptions {
	tracer: Description<object>;
	json: boolean;
	/** Of JSON: only what happened. */
	brief?: boolean;
	iterations: number;
	limit: number;
	/** Column key. */
	sort: string;
	/** Rows to print; checked with the columns of all `tracers`. */
	filter?: string;
	/** What no row of those that pass the filter should match; see {@link Threshold}. */
	failIf?: string;
	tracers?: readonly Description<object>[];
	/** A line for each single event in place of intervals. */
	follow?: boolean;
}

function cell(column: Column<object>, row: object, seconds: number): string {
	const indent = column.label ? treeIndent(row, column.width) : '';
	const text = indent + formatValue(column.kind, column.value(row, seconds), column.width - indent.length);
	return align(column, text);
}

function align(column: Column<object>, text: string): string {
	return fitCells(text, column.width, column.kind === 'text' ? 'left' : 'right');
}

/** One interval as a table: a line about the interval, the header, the rows, a blank line. */
export function plainTable(tracer: Description<object>, snapshot: Snapshot, rows: readonly object[]): string {
	const seconds = secondsOf(snapshot);
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
	const select = rowsOf(options);
	const { test, ignored } = new Filter(options.filter ?? '', (options.tracers ?? [tracer]) as never).bind(tracer);
	for (const term of ignored)
		process.stderr.write(`wattlag: filter: '${term}' is ignored: tab ${tracer.id} has no such column\n`);
	const threshold = options.failIf ? new Threshold(options.failIf, tracer) : undefined;
	const output = new Output();
	const followed = (snapshot: Snapshot) =>
		(tracer.singles?.(snapshot) ?? []).filter(({ row }) => test?.(row as never, secondsOf(snapshot)) ?? true);
	return new Promise((resolve) => {
		let printed = 0;
		let last = options.iterations;
		const end = () => resolve(output.end().then((code) => (code === 0 && threshold?.matched ? EXIT.matched : code)));
		void output.broken.then(end);
		sampler.subscribe((event) => {
			if (printed >= last) return;
			switch (event.kind) {
				case 'snapshot': {
					const { snapshot } = event;
					// others are what this one is made of
					if (snapshot.tab !== tracer.id) return;
					if (options.follow) {
						const singles = followed(snapshot).slice(0, last - printed);
						for (const { record, line } of singles) output.print(`${options.json ? JSON.stringify(record) : line}\n`);
						printed += singles.length;
					} else {
						const rows = select(snapshot);
						output.print(options.json ? jsonLine(snapshot, rows, options.brief) : plainTable(tracer, snapshot, rows));
						printed += 1;
					}
					const seconds = secondsOf(snapshot);
					// not the parents that a tree shows for the sake of those below them
					const failure = threshold?.look(
						snapshot,
						snapshot.rows.filter((row) => test?.(row as never, seconds) ?? true),
					);
					if (failure !== undefined) process.stderr.write(`wattlag: ${sanitize(failure)}\n`);
					// a run without an end ends here: its exit code would never come
					if (threshold?.matched && last === Number.POSITIVE_INFINITY) last = printed;
					if (printed >= last) end();
					break;
				}
				case 'unavailable':
					process.stderr.write(`wattlag: ${event.tab}: ${event.reason}; ${event.fix}\n`);
					// where there have been figures before, the next try is waited for
					if (event.tab === tracer.id && (event.retry_s === undefined || printed === 0))
						resolve(event.wrong_value ? EXIT.usage : EXIT.unavailable);
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
