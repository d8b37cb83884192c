/**
 * Stacks with the lines of our sources: the bundle is minified. Its source maps are read when something has failed and
 * not before: Node's own switch for it reads them all at every start.
 */
import { readFileSync } from 'node:fs';
import { type SourceMap as Mapping, SourceMap } from 'node:module';
import { fileURLToPath } from 'node:url';
import { type SafeText, sanitize } from '../lib/sanitize.ts';

const maps = new Map<string, Mapping | null>();

/** null: this file has none. */
function mapOf(url: string): Mapping | null {
	let map = maps.get(url);
	if (map === undefined) {
		try {
			map = new SourceMap(JSON.parse(readFileSync(`${fileURLToPath(url)}.map`, 'utf8')));
		} catch {
			map = null;
		}
		maps.set(url, map);
	}
	return map;
}

/** `file:///…/dist/worker.mjs:3:77` → `src/worker.ts:12:4`, for each such place in the text; others stay. */
export function mapPlaces(text: string): string {
	return text.replace(/(file:\/\/\S+\.mjs):(\d+):(\d+)/g, (whole, url: string, line: string, column: string) => {
		const found = mapOf(url)?.findEntry(Number(line) - 1, Number(column) - 1);
		if (!found || !('originalSource' in found)) return whole;
		const { originalSource, originalLine, originalColumn } = found;
		return `${originalSource.replace(/^(\.\.\/)+/, '')}:${originalLine + 1}:${originalColumn + 1}`;
	});
}

/** Message of whatever was thrown, then the lines of its stack: `at name (path:line:column)`. */
export function stackLines(error: unknown): SafeText[] {
	if (!(error instanceof Error)) return [sanitize(String(error))];
	const lines = mapPlaces(error.stack ?? '').split('\n');
	return [error.message, ...lines.filter((line) => /^\s+at /.test(line)).map((line) => line.trim())].map((line) =>
		sanitize(line),
	);
}
