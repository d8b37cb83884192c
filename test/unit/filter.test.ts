import { describe, expect, test } from 'vitest';
import type { Column } from '../../src/core/tracer.ts';
import type { ColumnKind } from '../../src/lib/format.ts';
import { sanitize } from '../../src/lib/sanitize.ts';
import { registry } from '../../src/registry.ts';
import { Filter } from '../../src/rows/filter/bind.ts';
import { complete } from '../../src/rows/filter/complete.ts';
import { describeFilterError, FilterError } from '../../src/rows/filter/error.ts';
import { normalName, offeredNames } from '../../src/rows/filter/names.ts';
import { compilePattern, PatternError } from '../../src/rows/filter/pattern.ts';
import { equals } from '../../src/tracers/overview/interval.ts';
import { generator } from '../lib/random.ts';

type Row = Record<string, number | string>;

function column(key: string, kind: ColumnKind, more: Partial<Column<Row>> = {}): Column<Row> {
	const value = (row: Row) => {
		const cell = row[key] ?? Number.NaN;
		return typeof cell === 'string' ? sanitize(cell) : cell;
	};
	return { key, title: key.toUpperCase(), kind, width: 8, priority: 0, help: '', value, ...more };
}

const wait = {
	id: 'runqlat',
	columns: [
		column('pid', 'pid'),
		column('comm', 'text', { aliases: ['name'] }),
		column('p99_ns', 'ns', { aliases: ['wait.p99'] }),
		column('rate', 'rate', { title: 'RUNS/s' }),
		column('cgroup', 'text'),
	],
};
const power = {
	id: 'energy',
	columns: [
		column('pid', 'pid'),
		column('comm', 'text'),
		column('watts', 'watts'),
		column('energy_uj', 'microjoules'),
		column('cpu', 'share'),
		column('rss', 'bytes'),
		column('read', 'bytes-rate'),
		column('threads', 'count'),
	],
};
const tabs = [wait, power] as never;

const rows: Row[] = [
	{ pid: 1, comm: 'systemd', p99_ns: 1e3, rate: 5, cgroup: '/init.scope' },
	{ pid: 812, comm: 'postgres', p99_ns: 7e6, rate: 1200, cgroup: '/system.slice/pg.service' },
	{ pid: 813, comm: 'pgbouncer', p99_ns: 9e6, rate: 900, cgroup: '/user.slice' },
	{ pid: 9, comm: 'Xorg (main)', p99_ns: Number.NaN, rate: 0, cgroup: '/' },
];

function pids(text: string, tab = wait, list = rows): number[] {
	const { test: accept } = new Filter(text, tabs).bind<Row>(tab);
	return list.filter((row) => !accept || accept(row, 1)).map((row) => row['pid'] as number);
}

test('times of day are of today', () => {
	const happened = { id: 'events', columns: [column('pid', 'pid'), column('last', 'clock')] };
	const at = (hours: number, minutes: number, seconds = 0) => new Date().setHours(hours, minutes, seconds, 0) / 1000;
	const list = [
		{ pid: 1, last: at(9, 0) },
		{ pid: 2, last: at(14, 2, 31) },
	];
	const found = (text: string) => {
		const { test: accept } = new Filter(text, [happened] as never).bind<Row>(happened);
		return list.filter((row) => accept?.(row, 1)).map(({ pid }) => pid);
	};
	expect(found('last >= 14:02')).toEqual([2]);
	expect(found('last < 14:02:31')).toEqual([1]);
	expect(() => new Filter('last > 25:00', [happened] as never)).toThrow("'25:00' is no time of day");
});

test.each([
	`/kubelet.slice/${'nested.slice/'.repeat(24)}cri-containerd-0123.scope`,
	`/${'a'.repeat(4094)}`,
	'/with space/and "quote"',
	"/'quoted'",
	'/(in brackets)',
	'/back\\slash\\',
	'/a=b',
	'\\x1b[2J',
])('the jump to the rows of control group %s names them and no others', (cgroup) => {
	const list = [...rows, { pid: 4, comm: 'its', p99_ns: 1, rate: 1, cgroup: sanitize(cgroup) }];
	expect(pids(equals('cgroup', sanitize(cgroup)), wait, list)).toEqual([4]);
});

function errorOf(text: string): FilterError {
	try {
		new Filter(text, tabs);
	} catch (error) {
		if (error instanceof FilterError) return error;
		throw error;
	}
	throw new Error(`no error: ${text}`);
}

describe('what matches', () => {
	test.each([
		['', [1, 812, 813, 9]],
		['   ', [1, 812, 813, 9]],
		['post', [812]],
		['xorg', [9]],
		['XORG', []],
		['81', [812, 813]],
		['"xorg (main)"', [9]],
		["'xorg (main)'", [9]],
		['pg user', [813]],
		['pg or systemd', [1, 812, 813]],
		['not pg', [1, 9]],
		['!pg', [1, 9]],
		['! pg', [1, 9]],
		['not not pg', [812, 813]],
		['(post or xorg) and not 9', [812]],
		['pid = 812', [812]],
		['pid=812', [812]],
		['pid != 812', [1, 813, 9]],
		['pid >= 812', [812, 813]],
		['pid ~ ^81', [812, 813]],
		['p99 > 5ms', [812, 813]],
		['p99 > 5 ms', [812, 813]],
		['p99_ns > 5000us', [812, 813]],
		['P99 > 5000µs', [812, 813]],
		['wait.p99 <= 7ms', [1, 812]],
		['runqlat.p99 > 8ms', [813]],
		['p99 = 7.01ms', [812]],
		['p99 = 7.1ms', []],
		['runs/s > 1k', [812]],
		['runs > 1k', [812]],
		['rate >= 900/s', [812, 813]],
		['comm ~ ^pg', [813]],
		['comm !~ ^(pg|post)', [1, 9]],
		['(comm ~ ^(pg|post))', [812, 813]],
		['name ~ "g \\(|zzz"', [9]],
		['comm = postgres', [812]],
		['comm = post', []],
		['comm != postgres', [1, 813, 9]],
		['cgroup = /system.slice', [812]],
		['not cgroup = /system.slice', [1, 813, 9]],
		['cgroup = /', [9]],
		['wait.p99 > 5ms and comm ~ ^pg and not cgroup = /system.slice', [813]],
		['WAIT.P99 > 5ms AND NOT cgroup = /system.slice OR xorg', [813, 9]],
	])('%s', (text, expected) => expect(pids(text)).toEqual(expected));

	test('units of every kind', () => {
		const row: Row = {
			pid: 1,
			comm: 'a',
			watts: 0.5,
			energy_uj: 2e6,
			cpu: 0.5,
			rss: 2 * 2 ** 20,
			read: 3 * 2 ** 10,
			threads: 2500,
		};
		for (const text of [
			'watts = 500mW',
			'watts < 1',
			'energy = 2J',
			'energy = 2000mJ',
			'energy_uj = 2',
			'cpu = 50%',
			'cpu = 50',
			'rss = 2M',
			'rss = 2MiB',
			'rss = 2048k',
			'read = 3K/s',
			'read = 3072',
			'threads > 2k',
			'threads = 2500',
		]) {
			expect(pids(text, power as never, [row]), text).toEqual([1]);
		}
	});

	test('a figure that is not known is neither more nor less', () => {
		expect(pids('p99 > 0s pid = 9')).toEqual([]);
		expect(pids('p99 != 1s pid = 9')).toEqual([]);
	});
});

describe('a term of another tab', () => {
	test('is left out and named, names go on working', () => {
		const bound = new Filter('post and watts > 5W', tabs).bind<Row>(wait);
		expect(bound.ignored).toEqual(['watts > 5W']);
		expect(pids('post and watts > 5W')).toEqual([812]);
		expect(pids('post or watts > 5W')).toEqual([812]);
		expect(pids('not watts > 5W')).toEqual([1, 812, 813, 9]);
		expect(new Filter('watts > 5W', tabs).bind<Row>(wait).test).toBeNull();
	});
});

describe('errors name the place', () => {
	test.each([
		['p99 > 5', 6, 7, /a unit is missing: ns, us, ms/],
		['p99 > 5x', 6, 8, /unknown unit 'x': ns/],
		['p99 > abc', 6, 9, /'abc' is not a number/],
		['p99 >', 5, 5, /a value is missing/],
		['p99 > )', 5, 7, /a value is missing/],
		['> 5', 0, 1, /a column is missing/],
		['bogus > 5', 0, 5, /no column 'bogus'/],
		['wat > 5', 0, 3, /is it watts\?/],
		['comm > a', 4, 8, /is text/],
		['p99 ~ 5', 3, 7, /is a figure/],
		['comm ~ [a', 7, 9, /\[ is not closed/],
		['comm ~ a(?=b)', 8, 13, /look-around/],
		['comm ~ (a)\\1', 10, 12, /back-references/],
		['(post', 0, 1, /\( is not closed/],
		['post)', 4, 5, /nothing is open/],
		['post and', 8, 8, /a term is missing here/],
		['and post', 0, 3, /a term is missing before/],
		['not', 3, 3, /a term is missing here/],
		['"post', 0, 5, /" is not closed/],
		['pid = 5ms', 6, 9, /has no unit/],
		['('.repeat(60), 50, 51, /too deep/],
		['x'.repeat(17_000), 16_640, 17_000, /longer than 16640/],
	])('%s', (text, start, end, message) => {
		const error = errorOf(text);
		expect(error.message).toMatch(message);
		expect([error.start, error.end]).toEqual([start, end]);
	});

	test('on one line', () => {
		expect(describeFilterError(errorOf('p99 > 5x'), 'p99 > 5x')).toBe(
			"filter 'p99 > 5x' at column 7: unknown unit 'x': ns, us, ms, s, min or h",
		);
		expect(describeFilterError(errorOf('p99 >'), 'p99 >')).toContain('at its end');
	});
});

describe('patterns', () => {
	/** Agreement with JavaScript's own engine, on what both know. */
	test.each([
		'^a',
		'a$',
		'^$',
		'a|b',
		'a*b',
		'(ab)+c',
		'[a-c]+',
		'[^a-c]',
		'a{2}',
		'a{1,2}b',
		'a{2,}',
		'\\d+',
		'(a|b)*c',
		'\\.',
		'x?',
		'(?:ab|cd)e',
		'[]a]',
		'a.c',
		'^(a|)b',
		'\\w\\s\\W',
	])('%s', (pattern) => {
		const ours = compilePattern(pattern);
		const theirs = new RegExp(pattern.replace('[]a]', '[\\]a]'), 'i');
		const random = generator(pattern.length);
		for (let i = 0; i < 300; i++) {
			const text = Array.from({ length: Math.floor(random() * 6) }, () => 'abcde.1 ]x'[Math.floor(random() * 10)]).join(
				'',
			);
			expect(ours(text), `${pattern} on '${text}'`).toBe(theirs.test(text));
		}
	});

	test('no pattern takes long: what makes backtracking engines hang', () => {
		const subject = `${'a'.repeat(4000)}!`;
		for (const pattern of ['(a+)+b', '(a|aa)+b', '(.*)*x', 'a*a*a*a*a*a*b', '(a{0,30}){0,30}b', '(x+x+)+y']) {
			expect(compilePattern(pattern)(subject)).toBe(false);
		}
	});

	test('too large ones are refused', () => {
		expect(() => compilePattern('((a{100}){100}){100}')).toThrow(PatternError);
		expect(() => compilePattern('a{1000}')).toThrow(PatternError);
		// nothing, 10^16 times
		expect(() => compilePattern(`${'('.repeat(8)}${'){100}'.repeat(8)}`)).toThrow(PatternError);
		expect(() => compilePattern('('.repeat(40))).toThrow(PatternError);
	});
});

describe('completion', () => {
	const names = ['watts', 'wait', 'wait.p99', 'wait.p50', 'comm'];
	test.each([
		['wat', 'watts ', []],
		['wa', 'wa', ['watts', 'wait', 'wait.p99', 'wait.p50']],
		['wait.', 'wait.p', ['wait.p99', 'wait.p50']],
		['WAIT_P9', 'wait.p99 ', []],
		['not (c', 'not (comm ', []],
		['zzz', 'zzz', []],
	])('%s', (text, completed, candidates) => {
		expect(complete(text, text.length, names)).toEqual({ text: completed, caret: completed.length, candidates });
	});

	test('in the middle of a text', () => {
		expect(complete('wat > 5W', 3, names)).toEqual({ text: 'watts > 5W', caret: 6, candidates: [] });
	});
});

test('one spelling of a name', () => {
	expect(normalName('Q-P99')).toBe('q.p99');
	expect(normalName('wait_ns_total')).toBe('wait.total');
	expect(normalName('RUNS/s')).toBe('runs');
});

test("every column of the program's own tabs can be filtered by the name that is offered", () => {
	const real = registry.map(({ tracer }) => tracer) as never;
	for (const { tracer } of registry) {
		for (const name of offeredNames([tracer as never], tracer.id)) {
			const text = `${tracer.id}.${name} = 0`;
			expect(new Filter(text, real).bind(tracer).ignored, text).toEqual([]);
		}
	}
});

describe('any text', () => {
	const pieces = [
		'comm',
		'p99',
		'watts',
		'~',
		'!~',
		'>',
		'<=',
		'=',
		'!',
		'(',
		')',
		' ',
		'and',
		'or',
		'not',
		'"',
		"'",
		'\\',
		'5ms',
		'(a+)+',
		'[',
		']',
		'{',
		'}',
		'*',
		'?',
		'|',
		'^',
		'$',
		'\0',
		'\u202e',
		'日本',
		'😀',
		'\ud800',
		'/',
		'.',
		'-',
		'%',
	];

	test.each(['a ', 'a or ', 'not a ', '(a) ', 'p99 > 5ms '])(
		'of thousands of terms, as of a text that was pasted, is refused: %j',
		(term) => {
			expect(() => pids(`${term.repeat(16_000 / term.length)}a`)).toThrow(FilterError);
			expect(() => pids(`${'a or '.repeat(400)}a`)).not.toThrow();
		},
	);

	test('is a filter or a FilterError inside the text; applying it never fails', () => {
		const random = generator(42);
		for (let i = 0; i < 20_000; i++) {
			const length = Math.floor(random() * 14);
			const text = Array.from(
				{ length },
				() => pieces[Math.floor(random() * pieces.length)] + (random() < 0.3 ? ' ' : ''),
			).join('');
			try {
				pids(text);
			} catch (error) {
				expect(error, JSON.stringify(text)).toBeInstanceOf(FilterError);
				const { start, end } = error as FilterError;
				expect(start).toBeGreaterThanOrEqual(0);
				expect(end).toBeLessThanOrEqual(text.length);
			}
		}
	});
});
