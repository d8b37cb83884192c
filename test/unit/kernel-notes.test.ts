/** docs/kernel-notes.md has every point of the review and of reports from the field, and the tests that it names exist. */
import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const rows = readFileSync('docs/kernel-notes.md', 'utf8')
	.split('\n')
	.filter((line) => line.startsWith('| '))
	.map((line) => line.slice(2, -2).split(' | '));

const FIELD = [1, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 16, 18, 19, 22, 26, 27];
const POINTS = [
	...Array.from({ length: 20 }, (_, index) => `C${index + 1}`),
	...Array.from({ length: 8 }, (_, index) => `S${index + 1}`),
	...FIELD.map((number) => `field ${number}`),
];

/** Points in the first cell of a row: `C6, field 27: owners…`, `field 3–5 restricted proc`. */
function pointsOf(cell: string): string[] {
	const [, list = ''] = /field ([\d, –]*\d)/.exec(cell) ?? [];
	const fields = list.split(', ').flatMap((part) => {
		const [first, last = first] = part.split('–').map(Number) as [number, number?];
		return Array.from({ length: (last as number) - first + 1 }, (_, index) => `field ${first + index}`);
	});
	return [...Array.from(cell.matchAll(/\b[CS]\d+\b/g), ([point]) => point), ...fields];
}

/** Files of the tests that a text names: by their path, by their name beside others, by the check of the matrix. */
function testsIn(text: string): { name: string; found: boolean }[] {
	const names = Array.from(text.matchAll(/`([\w./-]+)`/g), ([, name = '']) => name);
	const folders = ['', 'test/unit/', 'test/truth/', 'test/native/', 'test/ui/'];
	const exists = (name: string) => folders.some((folder) => existsSync(`${folder}${name}`));
	return names.flatMap((name) => {
		if (/\.test\.tsx?$/.test(name)) return [{ name, found: exists(name) }];
		const [check, unit] = [`test/matrix/checks/${name}.ts`, `test/unit/${name}.test.ts`];
		return existsSync(check) || existsSync(unit) ? [{ name, found: true }] : [];
	});
}

test.each(POINTS)('%s has its row, with a test or the reason why it is left', (point) => {
	const about = rows.filter(([first = '']) => pointsOf(first).includes(point)).map((cells) => cells.slice(1).join(' '));
	expect(about.length).toBeGreaterThan(0);
	const tests = about.flatMap(testsIn);
	expect(tests.filter(({ found }) => !found)).toEqual([]);
	const text = about.join(' ');
	if (tests.length === 0) expect(text).toMatch(/left|measured|`bpf\/|refuted/);
});

test('rows name no test that is not there', () => {
	expect(rows.flatMap((cells) => testsIn(cells.join(' '))).filter(({ found }) => !found)).toEqual([]);
});
