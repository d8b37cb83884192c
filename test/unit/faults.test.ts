/** The table of docs/faults.md: every fault has tests, and every test that it names is there. */
import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

interface Reference {
	file: string;
	/** Title of a test or of a group of tests as the file has it; none: the file is a check of the matrix. */
	title: string | undefined;
}

const rows = readFileSync('docs/faults.md', 'utf8')
	.split('\n')
	.filter((line) => /^\| \d/.test(line))
	.map((line) => {
		const [number = '', fault = '', expected = '', shown = ''] = line.slice(2, -2).split(' | ');
		const references = shown.split('; `').map((text): Reference => {
			const [, file = text, title] = /^`?(test\/[\w/.-]+)`(?: “(.+)”)?$/.exec(text) ?? [];
			return { file, title };
		});
		return { number: Number(number), fault, expected, references };
	});

/** Is it the first argument of a call, however it is quoted? */
function hasTitle(source: string, title: string): boolean {
	return ["'", '"', '`'].some(
		(quote) => source.includes(`(${quote}${title}${quote}`) || source.includes(`\t${quote}${title}${quote},`),
	);
}

test('28 faults, in order, each with what is expected', () => {
	expect(rows.map(({ number }) => number)).toEqual(Array.from({ length: 28 }, (_, index) => index + 1));
	for (const { fault, expected } of rows) expect([fault, expected]).not.toContain('');
});

test.each(rows)('$number $fault: its tests exist', ({ references }) => {
	expect(references.length).toBeGreaterThan(0);
	for (const { file, title } of references) {
		expect(existsSync(file), file).toBe(true);
		if (title === undefined) expect(file).toMatch(/^test\/matrix\/checks\//);
		else expect(hasTitle(readFileSync(file, 'utf8'), title), `${file}: ${title}`).toBe(true);
	}
});
