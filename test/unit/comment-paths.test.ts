/** Files move; comments and documents that name them do not notice. */
import { globSync, readFileSync } from 'node:fs';
import { dirname, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';

/** All but the changelog, which tells of files that were. */
const documents = globSync('*.md', { exclude: (path) => path === 'CHANGELOG.md' });
const files = globSync('{src,bpf,native,scripts,test,docs}/**/*.{ts,tsx,cjs,c,h,sh,md}', {
	exclude: (path) => path === 'docs/performance' || path === 'src/generated',
})
	.concat(documents)
	.sort();
/** Also files without comments, and folders. */
const existing = [...globSync('{src,bpf,native,scripts,test,docs,bin}/**'), ...globSync('*')];

/** Files of others: of the kernel, of libraries. */
const FOREIGN = new Set(['direct-io.c', 'include/linux/interrupt.h', 'linux/bpf.h', 'linux/loop.h', 'node_api.h']);

/** A path below a folder of ours (of a folder with its last slash), or a name with the extension of a source file or document. */
const PATH =
	/(?<![\w/.@<*{}$-])(?:\.{0,2}\/)*(?:(?:src|bpf|native|scripts|test|docs)\/[\w./-]*(?:\.\w+|\/(?![\w<{*]))|(?:[\w-]+\/)*[\w-]+(?:\.[\w-]+)*\.(?:tsx?|c|h|sh|md))(?![\w(*{-])/g;

/** `x.bpf.h`, `src/generated/X.ts`: stands for any name. */
const isExample = (path: string): boolean => /(^|\/)x[.-][^/]*$/i.test(path) || /(^|\/)x\//i.test(path);

/** Lines that are comments or end in one, without their code; of documents all. Beside each its number. */
function comments(file: string): [line: number, text: string][] {
	const mark = file.endsWith('.sh') ? /(?:^|\s)#(.*)/ : /^\s*\/?\*+(.*)|(?:^|\s)\/\/(.*)|\/\*(.*)/;
	return readFileSync(file, 'utf8')
		.split('\n')
		.flatMap((text, index): [number, string][] => {
			if (file.endsWith('.md')) return [[index + 1, text]];
			const [, ...parts] = mark.exec(text) ?? [];
			const comment = parts.find((part) => part !== undefined);
			return comment === undefined ? [] : [[index + 1, comment]];
		});
}

/** Paths are given from the top, or their end, or relative to the file that names them. */
function exists(path: string, from: string): boolean {
	const name = normalize(path.replace(/\/$/, ''));
	const beside = normalize(`${dirname(from)}/${name}`);
	return existing.some((file) => file === name || file === beside || file.endsWith(`/${name}`));
}

function missing(file: string): string[] {
	return comments(file).flatMap(([line, text]) =>
		Array.from(text.matchAll(PATH), ([path]) => path)
			.filter((path) => !FOREIGN.has(path) && !isExample(path) && !exists(path, file))
			.map((path) => `${file}:${line}: ${path}`),
	);
}

test('files that comments and documents name exist', () => {
	expect(files.length).toBeGreaterThan(300);
	expect(files.flatMap(missing)).toEqual([]);
});

describe('what counts as the name of a file', () => {
	const found = (text: string): string[] => Array.from(text.matchAll(PATH), ([path]) => path);

	test.each([
		['see src/lib/decode.ts, and `hist.bpf.h`.', ['src/lib/decode.ts', 'hist.bpf.h']],
		['test/unit/fixtures/load.json; docs/filter.md#time', ['test/unit/fixtures/load.json', 'docs/filter.md']],
		['below src/tracers/, in `src/core/stages/`: src/*/x.ts', ['src/tracers/', 'src/core/stages/']],
		['as in lib/stages.bpf.h or {@link ../waits.ts}', ['lib/stages.bpf.h', '../waits.ts']],
		['/proc/stat, Node.js, 1.5, e.g. bpf(2), `src/generated/<id>.ts`, js-*.c', []],
	])('%s', (text, names) => {
		expect(found(text)).toEqual(names);
	});
});
