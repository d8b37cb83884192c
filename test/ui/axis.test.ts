import { beforeAll, expect, test } from 'vitest';
import { findingTimes, MomentReader } from '../../src/history/moments.ts';
import { setPalette } from '../../src/term/theme.ts';
import { axisLine, boundsOf } from '../../src/ui/frame/axis.ts';

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
	const line = axisLine({
		moments,
		marks,
		events: [at(20, null, 2, 1), at(25, null, 1, 1)],
		shown: at(60).wall,
		width: 80,
	});
	const text = plain(line);
	expect(text).toMatch(/^ 10:00:00 .* 10:01:00 $/);
	expect(text).toHaveLength(80);
	expect(text).toMatch(/·▁+.*◆.*!.*▇+█? {20,}█ 10:01:00/);
	expect(line).toContain('\x1b[7m█');
});

test('days have dates; nothing recorded is an empty line; a narrow one has no axis', () => {
	expect(plain(axisLine({ moments: [at(0), at(200_000)], marks: [], events: [], shown: null, width: 60 }))).toMatch(
		/^ 01-02 10:00 .* 01-04 17:33 $/,
	);
	expect(axisLine({ moments: [], marks: [], events: [], shown: null, width: 60 })).toBe('');
	expect(plain(axisLine({ moments: [at(0)], marks: [], events: [], shown: null, width: 20 }))).toBe(' 10:00:00 ');
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
	expect(findingTimes(moments)).toEqual([1, 3, 4, 7].map((second) => at(second).wall));
});

test('a finding begins once, though worse ones hide it for a while; another begin is another finding', () => {
	const reader = new MomentReader();
	const finding = (subject: string, since: string, level = 'high') => ({ rule: 'r', subject, since, level });
	const begins = [[finding('a', '1')], [finding('b', '2', 'severe')], [finding('a', '1')], [finding('a', '4')]].map(
		(findings, second) => {
			const snapshot = { tab: 'overview', time: new Date(at(second).wall).toISOString(), dt_ns: 1e9, findings };
			return reader.of(snapshot as never);
		},
	);
	expect(begins.map((one) => one.begins)).toEqual([1, 1, 0, 1]);
	expect(findingTimes(begins)).toEqual([0, 1, 3].map((second) => at(second).wall));
	// the same number of findings at all times: their number says nothing
	expect(findingTimes(begins.map(({ begins: _, ...rest }) => rest))).toEqual([0, 1].map((second) => at(second).wall));
});

test('events that are worth knowing', () => {
	const events = [{ severity: 'normal' }, { severity: 'severe', before_start: true }, { severity: 'high' }];
	const snapshot = { tab: 'events', time: new Date(at(0).wall).toISOString(), dt_ns: 1e9, events };
	expect(new MomentReader().of(snapshot as never)).toMatchObject({ findings: 1, level: 2, busy: null });
});

test('a clock that was set back', () => {
	expect(boundsOf([at(10), at(5), at(20)])).toEqual({ first: at(5).wall, last: at(20).wall });
});
