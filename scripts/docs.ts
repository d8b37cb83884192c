/**
 * Pages of `docs/` that are generated from the program's own tables of options, keys and columns.
 *   npm run docs               write those that differ
 *   npm run docs -- --check    exit code 1 if one differs
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { commands } from '../src/commands/commands.ts';
import { configSchema } from '../src/options/config/schema.ts';
import { registry } from '../src/registry.ts';
import { manPage } from './docs/man.ts';
import { columnsPage, keysPage, metricsPage, optionsPage } from './docs/pages.ts';
import { dashboard, rulesFile } from './docs/prometheus.ts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

function version(): string {
	return (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version;
}

const tracers = await Promise.all(
	registry.map(async ({ tracer: { terms, ...tracer } }) => ({ ...tracer, terms: (await terms?.()) ?? [] })),
);

/** Text of every generated page by its path below the checkout's root. */
export function pages(): ReadonlyMap<string, string> {
	const program = { tracers, commands };
	return new Map([
		['docs/options.md', optionsPage(program)],
		['docs/keys.md', keysPage()],
		['docs/columns.md', columnsPage(tracers)],
		['docs/metrics.md', metricsPage()],
		['docs/prometheus/wattlag.rules.yml', rulesFile()],
		['docs/prometheus/wattlag-dashboard.json', dashboard()],
		['docs/config.schema.json', `${JSON.stringify(configSchema(tracers), null, '\t')}\n`],
		['docs/wattlag.1', manPage(program, version())],
	]);
}

function current(path: string): string | undefined {
	try {
		return readFileSync(join(root, path), 'utf8');
	} catch {
		return undefined;
	}
}

/** Paths of the pages that are not what the tables say now. */
export function outdated(): string[] {
	return [...pages()].flatMap(([path, text]) => (current(path) === text ? [] : [path]));
}

function main(words: readonly string[]): number {
	const unknown = words.find((word) => word !== '--check');
	if (unknown !== undefined) {
		process.stderr.write(`docs: unknown option ${unknown}; there is --check\n`);
		return 2;
	}
	const stale = outdated();
	if (words.includes('--check')) {
		for (const path of stale) process.stderr.write(`docs: ${path} is out of date: npm run docs\n`);
		return stale.length > 0 ? 1 : 0;
	}
	const texts = pages();
	for (const path of stale) {
		writeFileSync(join(root, path), texts.get(path) as string);
		process.stderr.write(`docs: wrote ${path}\n`);
	}
	return 0;
}

if (import.meta.main) process.exitCode = main(process.argv.slice(2));
