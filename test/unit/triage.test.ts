/** The report of `wattlag triage`: at most 20 lines, worst first, with a command that a shell takes. */
import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import type { Snapshot } from '../../src/core/snapshot.ts';
import { safe, sanitize } from '../../src/lib/sanitize.ts';
import { textWidth } from '../../src/lib/width.ts';
import type { Finding, Level } from '../../src/tracers/overview/finding.ts';
import type { OverviewExtra, OverviewRow } from '../../src/tracers/overview/snapshot.ts';
import { nextCommand, TriageWindow, triageOf, triageText } from '../../src/tracers/overview/triage.ts';
import { energySnapshot } from '../ui/fixtures/energy.ts';
import { overviewFixture } from '../ui/fixtures/overview.ts';

type OverviewSnapshot = Snapshot<OverviewRow, OverviewExtra>;

const finding = (rule: string, level: Level, subject = rule): Finding => ({
	rule,
	level,
	subject: sanitize(subject),
	text: safe`something is slow`,
	figures: { age_ns: 2.4e9, busy_share: 0.5, rate_per_s: 400, tasks: 3 },
	owner: { role: safe`from`, pid: 812, start_time: 1, comm: safe`postgres`, processes: 2 },
	since: '2026-03-02T02:14:01.000Z',
	excess: 1.5,
	witnesses: [],
	peak: { excess: 2, text: safe`worse`, time: '2026-03-02T02:14:02.000Z' },
	link: { tab: 'io', filter: 'device = vda', sort: 'total_p99', group: 'operation' },
});

const at = (tick: number, findings: Finding[]): OverviewSnapshot => ({
	...overviewFixture()(tick, [energySnapshot(tick, 5)]),
	findings,
});

describe('what is reported', () => {
	test('nothing: the checked rules, exit by no severity', () => {
		const report = triageOf([at(0, []), at(1, [])], 'host');
		expect(report.severity).toBeNull();
		expect(report.seconds).toBe(2);
		expect(triageText(report).join('\n')).toContain('nothing stands out; checked: ');
	});

	test('without rights: what is not checked by its reason, and how to get them', () => {
		const blind = {
			...at(0, []),
			unchecked: ['stopped', 'stuck-io'].map((rule) => ({ rule, reason: safe`no rights` })),
		};
		const lines = triageText(triageOf([blind], 'host', 'run as root: sudo wattlag'));
		expect(lines.join('\n')).not.toContain('nothing stands out;');
		expect(lines).toContain('not checked: stopped, stuck-io (no rights)');
		expect(lines.at(-1)).toBe('for all rules, run as root: sudo wattlag');
	});

	test('those that hold come first, those that ended say so; the worst of both is the severity', () => {
		const [ended, holds] = [finding('starving', 'severe'), finding('waits', 'high')];
		const report = triageOf([at(0, [ended, holds]), at(1, [holds])], 'host');
		expect(report.severity).toBe('severe');
		expect(report.findings.map(({ rule, ended }) => [rule, ended !== null])).toEqual([
			['waits', false],
			['starving', true],
		]);
		expect(triageText(report).join('\n')).toMatch(/SEVERE starving: .* until \d\d:\d\d:\d\d/);
	});

	test('a terminal of 80 columns: no line is wider but a command, which is whole', () => {
		const found = Array.from({ length: 5 }, (_, index) =>
			finding(`waits${index}`, 'high', `a long subject ${index} of some words more`),
		);
		const lines = triageText(triageOf([at(0, found)], 'host'), 80);
		expect(lines.length).toBeLessThanOrEqual(20);
		for (const line of lines) if (!line.includes('next: ')) expect(textWidth(line)).toBeLessThanOrEqual(80);
		expect(
			lines.some((line) =>
				line.includes("next: wattlag --tab io --group operation --sort total_p99 --filter 'device = vda'"),
			),
		).toBe(true);
	});

	test('figures have the unit of their name', () => {
		const text = triageText(triageOf([at(0, [finding('waits', 'high')])], 'host')).join('\n');
		expect(text).toContain('evidence: age 2.40s, busy 50.0%, rate 400/s, tasks 3');
		expect(text).toContain('from postgres ×2');
	});

	test('all findings are there, the last ones in short; what is cut keeps its owner and time', () => {
		const found = Array.from({ length: 5 }, (_, index) => ({
			...finding(`waits${index}`, 'high'),
			text: sanitize(`word${index} `.repeat(90)),
			witnesses: [sanitize('one fact '.repeat(20)), sanitize('another fact')],
		}));
		for (const width of [40, 80, 200]) {
			const lines = triageText(triageOf([at(0, found)], 'host'), width);
			expect(lines.length).toBeLessThanOrEqual(20);
			for (const { rule } of found) expect(lines.some((line) => line.startsWith(`HIGH   ${rule}: `))).toBe(true);
			expect(lines.filter((line) => line.includes('next: '))).toHaveLength(5);
			if (width >= 80) expect(lines.some((line) => line.startsWith('       evidence: one fact'))).toBe(true);
			const times = lines
				.join(' ')
				.replaceAll(/\s+/g, ' ')
				.match(/from postgres ×2, since 02:14:01/g)?.length;
			if (width >= 80) expect(times).toBe(5);
			for (const line of lines) if (!line.includes('next: ')) expect(textWidth(line)).toBeLessThanOrEqual(width);
		}
	});

	test('in one line the sentence is more than its owner', () => {
		const { owner, ...rest } = finding('waits', 'high', 'MainThread[1015] (node forks.js)');
		if (!owner) throw new Error('none');
		const long = { ...owner, role: safe`most CPU by`, comm: safe`stress-ng-cpu`, processes: 1250 };
		const found = Array.from({ length: 5 }, (_, index) => ({
			...rest,
			...{ owner: long, rule: `waits${index}`, text: sanitize(`waits ${index}4% of the time for a CPU (p99 38.7ms)`) },
			...{ witnesses: [sanitize('one fact '.repeat(40))] },
		}));
		const lines = triageText(triageOf([at(0, found)], 'host'), 80);
		expect(lines).toContain('HIGH   MainThread[1015] (node forks.js): waits 44% of the time for a CPU (p99 3…');
	});

	test('names longer than a line are cut, also of the machine', () => {
		const lines = triageText(triageOf([at(0, [finding('full', 'high', `/${'x'.repeat(300)}`)])], 'h'.repeat(500)), 80);
		for (const line of lines) if (!line.includes('next: ')) expect(textWidth(line)).toBeLessThanOrEqual(80);
	});

	test('never more than 20 lines, whatever the names', () => {
		const many = Array.from({ length: 9 }, (_, index) => finding(`rule${index}`, 'high', 'x'.repeat(300)));
		expect(triageText(triageOf([at(0, many)], 'h'.repeat(500))).length).toBeLessThanOrEqual(20);
	});
});

test('a shell takes the next command as it is, whatever the names in it', () => {
	const filter = `comm = "it's $(touch /x); \`id\` & é"`;
	const command = nextCommand({ tab: 'energy', filter, sort: 'cpu', group: 'process' });
	const words = execFileSync('sh', ['-c', `printf '%s\\n' ${command}`], { encoding: 'utf8' })
		.split('\n')
		.slice(0, -1);
	expect(words).toEqual(['wattlag', '--tab', 'energy', '--sort', 'cpu', '--filter', filter]);
});

describe('the last minutes in a bundle', () => {
	test('what was found in any of them, and other tabs do not count', () => {
		const window = new TriageWindow();
		expect(window.text('host')).toEqual([]);
		window.add(energySnapshot(0, 5));
		expect(window.text('host')).toEqual([]);
		window.add(at(0, [finding('starving', 'severe')]));
		window.add(at(1, [finding('waits', 'high')]));
		const text = window.text('host').join('\n');
		expect(text).toMatch(/^wattlag triage: host, 2\.0 s/);
		expect(text).toContain('HIGH   waits');
		expect(text).toContain('SEVERE starving');
	});

	test('of the last intervals, or of the last minutes, whichever is asked for; without what is older than a moment', () => {
		const few = new TriageWindow({ intervals: 2 });
		const short = new TriageWindow({ ms: 1000 });
		for (const window of [few, short]) {
			window.add(at(0, [finding('first', 'high')]));
			window.add(at(1, [finding('second', 'high')]));
			expect(window.text('host').join('\n')).toContain('first');
			window.add(at(2, [finding('third', 'high')]));
			const text = window.text('host').join('\n');
			expect(text).not.toContain('first');
			expect(text).toContain('second');
			expect(window.text('host', Date.parse(at(2, []).time)).join('\n')).not.toContain('second');
			expect(window.text('host', Date.parse(at(2, []).time) + 1)).toEqual([]);
		}
	});
});
