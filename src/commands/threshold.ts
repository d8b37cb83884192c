/**
 * `--fail-if`: an expression of the filter language that no row should match, for scripts that watch a limit. On tabs with
 * findings it may be about what begins and ends instead: `change = begins and level = severe`.
 */

import type { Snapshot } from '../core/snapshot.ts';
import type { Column, Description } from '../core/tracer.ts';
import { formatValue } from '../lib/format.ts';
import { type BoundFilter, Filter } from '../rows/filter/bind.ts';

/** Texts and ids that stay so long on a narrow screen name a row. */
const NAMING_PRIORITY = 3;
/** Cells that every figure fits into. */
const WIDTH = 12;

function binds(text: string, tab: Pick<Description<object>, 'id' | 'columns'>): boolean {
	try {
		new Filter(text, [tab]);
		return true;
	} catch {
		return false;
	}
}

/** Is an expression about findings that begin and end? Not if the rows of the tab can be judged by it. */
export function isAboutChanges(text: string, tracer: Pick<Description<object>, 'id' | 'columns' | 'changes'>): boolean {
	const { id, changes } = tracer;
	return changes !== undefined && !binds(text, tracer) && binds(text, { id, columns: changes });
}

export class Threshold {
	private readonly text: string;
	private readonly columns: readonly Column<object>[];
	private readonly filter: BoundFilter<object>;
	private readonly ofChanges: boolean;
	private hit = false;

	/** Throws {@link FilterError} where the tab cannot judge a part of it. */
	constructor(text: string, tracer: Pick<Description<object>, 'id' | 'columns' | 'changes'>) {
		this.text = text;
		const { id, changes = [] } = tracer;
		this.ofChanges = isAboutChanges(text, tracer);
		const { columns } = this.ofChanges ? { columns: changes } : tracer;
		this.columns = columns;
		this.filter = new Filter(text, [{ id, columns }]).bind({ id, columns });
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
		const judged = this.ofChanges ? ((snapshot as { changes?: readonly object[] }).changes ?? []) : rows;
		const row = judged.find((one) => this.filter.test?.(one, seconds));
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
