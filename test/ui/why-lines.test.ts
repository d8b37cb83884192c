/** The lines of findings at any width: whole words, and nothing beyond the edge. */
import { expect, test } from 'vitest';
import { safe } from '../../src/lib/sanitize.ts';
import { textWidth } from '../../src/lib/width.ts';
import type { Finding } from '../../src/tracers/overview/finding.ts';
import { findingLines } from '../../src/ui/tabs/overview/findings.ts';
import { lineOf } from '../../src/ui/widgets/line.ts';
import { plain } from './plain.ts';

const finding: Finding = {
	rule: 'cpu-saturated',
	level: 'high',
	subject: safe`CPUs`,
	text: safe`100% busy, 12.7 tasks wait for one (p99 51.5ms)`,
	figures: {},
	owner: { role: safe`most CPU by`, pid: 1, start_time: 1, comm: safe`MainThread`, processes: 12 },
	since: '2026-01-01T14:02:00.000Z',
	excess: 2,
	witnesses: [],
	peak: { excess: 2.1, text: safe`x`, time: '2026-01-01T14:02:31.000Z' },
	link: { tab: 'energy', filter: '' },
};

const linesAt = (width: number, rows: number) =>
	findingLines([finding], ['A'], width, rows).map((spans) =>
		spans.map((span) => (typeof span === 'string' ? span : span[1])).join(''),
	);

test('broken between words only, whatever the width', () => {
	const whole = linesAt(200, 9)[0] as string;
	for (let width = 40; width < whole.length; width++) {
		const lines = linesAt(width, 9);
		for (const line of lines) {
			expect(textWidth(line)).toBeLessThanOrEqual(width);
			expect(line.trimStart()).not.toMatch(/^,/);
		}
		expect(lines.map((line) => line.trim()).join(' ')).toBe(whole);
	}
});

test('when it was worst, where that is noticeably more than now', () => {
	expect(linesAt(200, 9)[0]).not.toContain('worst');
	const peak = { ...finding.peak, excess: 3 };
	const [spans] = findingLines([{ ...finding, peak }], ['A'], 200, 9);
	expect(plain(lineOf(200, spans ?? []))).toMatch(/, since \d+:02:00, worst \d+:02:31 \(1\.5×\)/);
});

test('one line: the process before the figures', () => {
	expect(linesAt(80, 1)[0]).toMatch(/^A CPUs \(most CPU by MainThread ×12\): 100% busy, /);
});
