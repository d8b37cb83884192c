import { beforeAll, expect, test } from 'vitest';
import { setPalette } from '../../src/term/theme.ts';
import { axisLine, boundsOf, findingMoments } from '../../src/ui/frame/axis.ts';

beforeAll(() => setPalette({ theme: 'monochrome', colours: 16 }));

const at = (seconds: number, busy: number | null = 0, level = 0, findings = 0) => ({
	wall: new Date(2026, 0, 2, 10, 0, seconds).getTime(),
	busy,
	level,
	findings,
});
const plain = (line: string) => line.replace(/\x1b\[[0-9;]*m/g, '');

test('load, gaps, marks and the moment shown, between the first and the last time', () => {
	const moments = [...Array(30).keys()].map((second) => at(second, second / 30)).concat(at(60, 1, 3, 1));
	const marks = [{ wall: at(10).wall, text: 'x' as never }];
	const line = axisLine({ moments, marks, shown: at(60).wall, width: 80 });
	const text = plain(line);
	expect(text).toMatch(/^ 10:00:00 .* 10:01:00 $/);
	expect(text).toHaveLength(80);
	expect(text).toMatch(/·▁+.*◆.*▇+█? {20,}█ 10:01:00/);
	expect(line).toContain('\x1b[7m█');
});

test('days have dates; nothing recorded is an empty line; a narrow one has no axis', () => {
	expect(plain(axisLine({ moments: [at(0), at(200_000)], marks: [], shown: null, width: 60 }))).toMatch(
		/^ 01-02 10:00 .* 01-04 17:33 $/,
	);
	expect(axisLine({ moments: [], marks: [], shown: null, width: 60 })).toBe('');
	expect(plain(axisLine({ moments: [at(0)], marks: [], shown: null, width: 20 }))).toBe(' 10:00:00 ');
});

test('findings begin where there are more of them, or worse ones', () => {
	const moments = [
		at(0),
		at(1, 0, 1, 1),
		at(2, 0, 1, 1),
		at(3, 0, 2, 1),
		at(4, 0, 2, 2),
		at(5, 0, 1, 1),
		at(6),
		at(7, 0, 3, 1),
	];
	expect(findingMoments(moments)).toEqual([1, 3, 4, 7].map((second) => at(second).wall));
});

test('a clock that was set back', () => {
	expect(boundsOf([at(10), at(5), at(20)])).toEqual({ first: at(5).wall, last: at(20).wall });
});
