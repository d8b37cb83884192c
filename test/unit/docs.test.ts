/** The pages of the checkout: generated ones are current, links exist, quoted messages and commands are the program's. */

import { existsSync, globSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';
import { roff } from '../../scripts/docs/man.ts';
import { outdated } from '../../scripts/docs.ts';
import { commands as allCommands } from '../../src/commands/commands.ts';
import { readFlags } from '../../src/options/command-line.ts';
import { resolveOptions } from '../../src/options/resolve.ts';
import { registry } from '../../src/registry.ts';

const documents = globSync(['*.md', 'docs/**/*.md', '.github/**/*.md']).sort();
const read = (path: string): string => readFileSync(path, 'utf8');

/** Without fenced code and code spans, in which nothing is a link. */
function prose(markdown: string): string {
	return markdown.replace(/^(`{3,})[\s\S]*?^\1/gm, '').replace(/(`+)[^\n]*?\1/g, 'code');
}

/** Anchors of headings, as forges make them. */
function anchors(markdown: string): Set<string> {
	const headings = markdown.replace(/^(`{3,})[\s\S]*?^\1/gm, '').matchAll(/^#+ (.*)$/gm);
	return new Set(
		[...headings].map(([, heading = '']) =>
			heading
				.toLowerCase()
				.replace(/[^\p{L}\p{N}\p{M} _-]/gu, '')
				.replace(/ /g, '-'),
		),
	);
}

describe('generated pages', () => {
	test('say what the tables say: npm run docs', () => {
		expect(outdated()).toEqual([]);
	});

	test.each([
		['a\\b', 'a\\eb'],
		['--tab', '\\-\\-tab'],
		['.B "x"', '\\&.B \\(dqx\\(dq'],
		["'p99 > 5ms' ~ ^pg", '\\(aqp99 > 5ms\\(aq \\(ti \\(hapg'],
		['±5 µs', '\\[u00B1]5 \\[u00B5]s'],
	])('manual page: %j is text to roff', (text, escaped) => {
		expect(roff(text)).toBe(escaped);
	});

	test('manual page: ASCII only, and no macro but those that are meant', () => {
		const lines = read('docs/wattlag.1').split('\n');
		expect(lines.filter((line) => /[^\x20-\x7e]/.test(line))).toEqual([]);
		expect(lines.filter((line) => /^['.]/.test(line) && !/^\.(TH|SH|SS|TP|B|br)\b|^\.\\"/.test(line))).toEqual([]);
	});
});

/** Command lines of wattlag in fenced code, without comments. */
function commands(markdown: string): string[] {
	const blocks = [...markdown.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map(([, block = '']) => block).join('');
	const lines = blocks.matchAll(/^(?:sudo )?(?:\S*bin\/)?wattlag\b(.*?)(?: +#.*)?$/gm);
	return [...lines].map(([, words = '']) => words.trim());
}

const quoted = documents.flatMap((path) => commands(read(path)).map((line) => [path, line] as const));

test.each(quoted)('%s: the program takes wattlag %s', (_, line) => {
	const words = [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, word]) => quoted ?? word ?? '');
	const tracers = registry.map(({ tracer }) => tracer);
	const program = { tracers, commands: allCommands };
	resolveOptions(readFlags(words, program), program, { env: {}, file: null });
});

test('README.md fits into 8 KiB', () => {
	expect(statSync('README.md').size).toBeLessThanOrEqual(8192);
});

test.each(documents)('%s: relative links lead to a file and a heading of it', (path) => {
	const dead = [...prose(read(path)).matchAll(/\]\(([^)\s]+)\)/g)]
		.map(([, target = '']) => target)
		.filter((target) => !/^[a-z]+:/.test(target))
		.filter((target) => {
			const [file = '', anchor] = target.split('#');
			const found = file === '' ? path : normalize(join(dirname(path), file));
			if (!existsSync(found)) return true;
			return anchor !== undefined && !anchors(read(found)).has(anchor);
		});
	expect(dead).toEqual([]);
});

test.each(registry.map(({ tracer }) => tracer))(
	'tab $id: no two columns have the same header, which is a name in filters',
	({ columns }) => {
		const titles = columns.map(({ title }) => title);
		expect(titles.filter((title, at) => titles.indexOf(title) !== at)).toEqual([]);
	},
);

describe('docs/TROUBLESHOOTING.md', () => {
	const source = globSync(['src/**/*.{ts,tsx}', 'scripts/*.sh']).map(read).join('\n');
	const messages = [...read('docs/TROUBLESHOOTING.md').matchAll(/^```text\n(.*)\n```$/gm)].map(([, text = '']) => text);

	test.each(messages)('quotes the program: %s', (message) => {
		expect(message.split('…').filter((part) => !source.includes(part.trim()))).toEqual([]);
	});

	test('has the capabilities that doctor asks for in its unit', () => {
		const [, capabilities] = /AmbientCapabilities=([A-Z_ ]+[A-Z])/.exec(source) ?? [];
		expect(capabilities).toBeDefined();
		for (const setting of ['AmbientCapabilities', 'CapabilityBoundingSet'])
			expect(read('docs/TROUBLESHOOTING.md')).toContain(`\n${setting}=${capabilities}\n`);
	});
});

test('nothing in the program advises capabilities of a file, which all users of Node would have', () => {
	const advising = globSync('{src,scripts,bin,native}/**/*', { withFileTypes: true })
		.filter((entry) => entry.isFile())
		.map((entry) => join(entry.parentPath, entry.name))
		.filter((path) => read(path).includes('setcap'));
	expect(advising).toEqual([]);
});
