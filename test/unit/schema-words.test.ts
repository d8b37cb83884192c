import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

type Schema = { [key: string]: unknown };
type Names = { enum: string[] };

/** Every property by name, with what the schema says about it. */
function properties(node: unknown, found = new Map<string, Schema[]>()): Map<string, Schema[]> {
	if (Array.isArray(node)) for (const one of node) properties(one, found);
	else if (typeof node === 'object' && node !== null) {
		const { properties: own } = node as { properties?: Record<string, Schema> };
		for (const [name, schema] of Object.entries(own ?? {})) found.set(name, [...(found.get(name) ?? []), schema]);
		for (const value of Object.values(node)) properties(value, found);
	}
	return found;
}

const schema: unknown = JSON.parse(readFileSync('docs/batch.schema.json', 'utf8'));
const pages = readdirSync('docs')
	.filter((name) => name.endsWith('.md') && name !== 'columns.md' && name !== 'options.md')
	.map((name) => readFileSync(`docs/${name}`, 'utf8'))
	.join('\n');

test('every field of batch output is explained, in the schema or on a page', () => {
	const unexplained = [...properties(schema)]
		.filter(([, all]) => !all.some(({ description }) => description !== undefined))
		.map(([name]) => name.replace(/_total$/, ''))
		.filter((name) => !new RegExp(`\\b${name}\\b`).test(pages));
	expect([...new Set(unexplained)]).toEqual([]);
});

test('every figure of a finding or an event, and every cause of losses, is explained', () => {
	const sources = readdirSync('src/tracers', { recursive: true, encoding: 'utf8' })
		.filter((name) => name.endsWith('.ts'))
		.map((name) => readFileSync(`src/tracers/${name}`, 'utf8'))
		.join('\n');
	const names = [
		...sources.matchAll(/\b(?:figures|lost): \{(?!\s*\w+: [A-Z])([^{}]*(?:\{[^{}]*\}[^{}]*)*)\}/g),
	].flatMap(([, inside = '']) =>
		[...inside.matchAll(/(?:^|[,{(]|&&)\s*([a-z][a-z0-9_]*)(?=\s*[:,}]|\s*$)/gm)].map(([, name]) => name as string),
	);
	expect(names).toEqual(expect.arrayContaining(['requests_full', 'gap_ns', 'wait_share']));
	const explained = [...pages.matchAll(/[a-z][a-z0-9_]*/g)].map(([word]) => word);
	// of another name a line would not fit the schema
	const { definitions } = schema as { definitions: { figures: { propertyNames: Names }; lostCause: Names } };
	const allowed = [...definitions.figures.propertyNames.enum, ...definitions.lostCause.enum];
	expect([...new Set(names)].filter((name) => !allowed.includes(name))).toEqual([]);
	expect(allowed.filter((name) => !explained.includes(name))).toEqual([]);
	expect([...new Set(names)].filter((name) => !explained.includes(name))).toEqual([]);
});

test('fields are lower case, with words divided by underscores', () => {
	expect([...properties(schema).keys()].filter((name) => !/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/.test(name))).toEqual([]);
});
