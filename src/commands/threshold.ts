/** `--fail-if`: an expression of the filter language that no row should match, for scripts that watch a limit. */

import type { Snapshot } from '../core/snapshot.ts';
import type { Column, Tracer } from '../core/tracer.ts';
import { formatValue } from '../lib/format.ts';
import { type BoundFilter, Filter } from '../rows/filter/bind.ts';

/** Texts and ids that stay so long on a narrow screen name a row. */
const NAMING_PRIORITY = 3;
/** Cells that every figure fits into. */
const WIDTH = 12;

export class Threshold {
	private readonly text: string;
	private readonly columns: readonly Column<object>[];
	private readonly filter: BoundFilter<object>;
	private hit = false;

	/** Throws {@link FilterError} where the tab cannot judge a part of it. */
	constructor(text: string, tracer: Pick<Tracer<object, object>, 'id' | 'columns'>) {
		this.text = text;
		this.columns = tracer.columns;
		this.filter = new Filter(text, [tracer]).bind(tracer);
	}

	/** Has any row matched so far? */
	get matched(): boolean {
		return this.hit;
	}

	/** Look at rows of an interval. The first one that ever matches in a sentence; undefined: none, or not the first. */
	look(snapshot: Snapshot, rows: readonly object[]): string | undefined {
		if (this.hit) return undefined;
		const { time, tab, dt_ns } = snapshot;
		const seconds = dt_ns / 1e9;
		const row = rows.find((one) => this.filter.test?.(one, seconds));
		if (!row) return undefined;
		this.hit = true;
		const names = this.columns
			.filter(({ kind, priority }) => (kind === 'text' || kind === 'pid') && priority <= NAMING_PRIORITY)
			.filter((column) => column.shown?.(snapshot) ?? true)
			.map((column) => String(column.value(row, seconds)));
		const figures = this.columns
			.filter((column) => column.kind !== 'text' && this.filter.columns.includes(column))
			.map(({ title, kind, value }) => `${title} ${formatValue(kind, value(row, seconds), WIDTH).trim()}`);
		const what = [names.join(' '), figures.join(', ')].filter((part) => part !== '').join(': ');
		return `--fail-if '${this.text}' matched at ${time}: ${tab}: ${what}`;
	}
}
