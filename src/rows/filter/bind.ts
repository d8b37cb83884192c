/**
 * Expression + columns of a tab → test of a row. A term that is valid in some tab but not in this one is ignored here and
 * reported, so that a filter can stay when the tab changes; a term that is valid in no tab is an error.
 */
import type { Column } from '../../core/tracer.ts';
import { FilterError } from './error.ts';
import type { Operator } from './lexer.ts';
import { columnNamed, type FilterTab, offeredNames } from './names.ts';
import { type Comparison, type Expression, parse } from './parser.ts';
import { compilePattern, PatternError } from './pattern.ts';
import { parseValue } from './values.ts';

/** `seconds` is the length of the interval, for rates. */
export type RowTest<Row> = (row: Row, seconds: number) => boolean;

/** A filter for the columns of one tab. */
export interface BoundFilter<Row> {
	/** null: nothing of the filter applies here. */
	test: RowTest<Row> | null;
	/** Terms that this tab cannot evaluate, as typed. */
	ignored: readonly string[];
	/** Columns that are compared. */
	columns: readonly Column<Row>[];
}

type Cell = number | string;
type CellTest = (value: Cell) => boolean;

/** Case-sensitive where the text has capitals. */
function contains(text: string): (value: string) => boolean {
	return text === text.toLowerCase() ? (value) => value.toLowerCase().includes(text) : (value) => value.includes(text);
}

/** A path includes everything below it. */
function equals(text: string): (value: string) => boolean {
	if (!text.startsWith('/') || text === '/') return (value) => value === text;
	const below = text.endsWith('/') ? text : `${text}/`;
	return (value) => value === text || value.startsWith(below);
}

/** Figures are shown with three digits: values that are shown alike are equal. */
function alike(value: number, wanted: number, exact: boolean): boolean {
	return exact ? value === wanted : Math.abs(value - wanted) <= Math.abs(wanted) * 0.005;
}

function numberTest(operator: Operator, wanted: number, exact: boolean): CellTest {
	const compare: Partial<Record<Operator, (value: number) => boolean>> = {
		'=': (value) => alike(value, wanted, exact),
		'!=': (value) => !alike(value, wanted, exact),
		'<': (value) => value < wanted,
		'<=': (value) => value <= wanted,
		'>': (value) => value > wanted,
		'>=': (value) => value >= wanted,
	};
	const test = compare[operator] as (value: number) => boolean;
	// an unknown value (–) is neither more nor less than any other
	return (value) => typeof value === 'number' && !Number.isNaN(value) && test(value);
}

function patternTest(term: Comparison): (value: string) => boolean {
	try {
		return compilePattern(term.value);
	} catch (error) {
		if (!(error instanceof PatternError)) throw error;
		const { start, end } = term.valueSpan;
		throw new FilterError(error.message, Math.min(end, start + error.at), end);
	}
}

function textTest(term: Comparison): CellTest {
	const { operator, value } = term;
	const test = operator === '~' || operator === '!~' ? patternTest(term) : equals(value);
	const negated = operator === '!~' || operator === '!=';
	return (cell) => test(String(cell)) !== negated;
}

/** Kinds of which `=` asks for the very value. */
const EXACT: ReadonlySet<Column<never>['kind']> = new Set(['pid', 'count', 'clock']);

/** The test for one column; throws where the operator or the value does not fit its kind. */
function cellTest(term: Comparison, column: Column<never>): CellTest {
	const { operator, value, valueSpan, columnEnd } = term;
	const isText = column.kind === 'text' || (column.kind === 'pid' && !/^-?\d/.test(value));
	const order = operator === '<' || operator === '>' || operator === '<=' || operator === '>=';
	if (isText && order) {
		throw new FilterError(`${term.column} is text: use = != ~ or !~`, columnEnd, valueSpan.end);
	}
	if (isText || (column.kind === 'pid' && (operator === '~' || operator === '!~'))) return textTest(term);
	if (operator === '~' || operator === '!~') {
		throw new FilterError(`${term.column} is a figure: use = != < <= > or >=`, columnEnd, valueSpan.end);
	}
	const number = parseValue(column.kind as Exclude<Column<never>['kind'], 'text'>, value);
	if (typeof number !== 'number') throw new FilterError(number.problem, valueSpan.start, valueSpan.end);
	return numberTest(operator, number, EXACT.has(column.kind));
}

/** Throws where the term is valid in no tab. */
function checkTerm(term: Comparison, tabs: readonly FilterTab[]): void {
	let problem: FilterError | undefined;
	for (const tab of tabs) {
		const column = columnNamed(tab, term.column);
		if (!column) continue;
		try {
			cellTest(term, column);
			return;
		} catch (error) {
			if (!(error instanceof FilterError)) throw error;
			problem ??= error;
		}
	}
	const { column: name, start, columnEnd } = term;
	throw problem ?? new FilterError(`no column '${name}'${nearest(name, tabs)}`, start, columnEnd);
}

/** A hint for names whose beginning is right. */
function nearest(name: string, tabs: readonly FilterTab[]): string {
	for (let length = name.length; length >= 2; length--) {
		const found = offeredNames(tabs, '').filter((offer) => offer.startsWith(name.slice(0, length).toLowerCase()));
		if (found.length > 0) return `; is it ${found.slice(0, 3).join(' or ')}?`;
	}
	return '';
}

/** A checked filter, for any of the tabs it was checked with. */
export class Filter {
	readonly text: string;
	private readonly expression: Expression | null;

	/** Throws {@link FilterError} and nothing else. */
	constructor(text: string, tabs: readonly FilterTab[]) {
		this.text = text;
		this.expression = parse(text);
		if (this.expression) check(this.expression, tabs);
	}

	/** The filter for the rows of one tab. */
	bind<Row>(tab: { id: string; columns: readonly Column<Row>[] }): BoundFilter<Row> {
		const ignored: string[] = [];
		const columns: Column<never>[] = [];
		const context = { tab: tab as unknown as FilterTab, text: this.text, ignored, columns };
		const test = this.expression && bind(this.expression, context);
		return { test: test as RowTest<Row> | null, ignored, columns: columns as unknown as Column<Row>[] };
	}
}

function check(expression: Expression, tabs: readonly FilterTab[]): void {
	switch (expression.kind) {
		case 'comparison':
			checkTerm(expression, tabs);
			break;
		case 'not':
			check(expression.term, tabs);
			break;
		case 'and':
		case 'or':
			check(expression.left, tabs);
			check(expression.right, tabs);
			break;
	}
}

interface Context {
	tab: FilterTab;
	text: string;
	ignored: string[];
	columns: Column<never>[];
}

/** null: this part cannot be evaluated here. */
function bind(expression: Expression, context: Context): RowTest<never> | null {
	switch (expression.kind) {
		case 'text': {
			const test = contains(expression.text);
			const names = context.tab.columns.filter((column) => column.kind === 'text' || column.kind === 'pid');
			return (row, seconds) => names.some((column) => test(String(column.value(row, seconds))));
		}
		case 'comparison':
			return bindComparison(expression, context);
		case 'not': {
			const term = bind(expression.term, context);
			return term && ((row, seconds) => !term(row, seconds));
		}
		case 'and':
		case 'or': {
			const left = bind(expression.left, context);
			const right = bind(expression.right, context);
			if (!left || !right) return left ?? right;
			return expression.kind === 'and'
				? (row, seconds) => left(row, seconds) && right(row, seconds)
				: (row, seconds) => left(row, seconds) || right(row, seconds);
		}
	}
}

function bindComparison(term: Comparison, { tab, text, ignored, columns }: Context): RowTest<never> | null {
	const column = columnNamed(tab, term.column);
	try {
		if (column) {
			const test = cellTest(term, column);
			columns.push(column);
			return (row, seconds) => test(column.value(row, seconds));
		}
	} catch (error) {
		if (!(error instanceof FilterError)) throw error;
	}
	ignored.push(text.slice(term.start, term.end));
	return null;
}
