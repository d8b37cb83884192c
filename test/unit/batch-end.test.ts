/** How batch output ends: `--fail-if`, and tracers that fail on the way. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { runBatch } from '../../src/commands/batch/batch.ts';
import { commands } from '../../src/commands/commands.ts';
import { UsageError } from '../../src/core/errors.ts';
import type { Sampler, SamplerEvent } from '../../src/core/sampler.ts';
import type { Snapshot } from '../../src/core/snapshot.ts';
import type { Tracer } from '../../src/core/tracer.ts';
import { safe, sanitize } from '../../src/lib/sanitize.ts';
import { readFlags } from '../../src/options/command-line.ts';
import { resolveOptions } from '../../src/options/resolve.ts';
import { registry } from '../../src/registry.ts';

interface Row {
	pid: number;
	comm: string;
	p99_ns: number;
	count: number;
	depth?: number;
}

const tracer = {
	id: 'waits',
	title: 'Waits',
	columns: [
		{ key: 'pid', title: 'PID', kind: 'pid', width: 7, priority: 1, help: '', value: ({ pid }: Row) => pid },
		{ key: 'p99_ns', title: 'P99', kind: 'ns', width: 6, priority: 2, help: '', value: (row: Row) => row.p99_ns },
		{
			key: 'rate',
			title: 'RATE/s',
			kind: 'rate',
			width: 6,
			priority: 3,
			help: '',
			value: ({ count }: Row, seconds: number) => count / seconds,
		},
		{
			key: 'comm',
			title: 'COMMAND',
			kind: 'text',
			width: 8,
			priority: 0,
			help: '',
			value: ({ comm }: Row) => sanitize(comm),
		},
		{ key: 'long', title: 'LONG', kind: 'text', width: 8, priority: 9, help: '', value: () => safe`not a name` },
	],
	groups: ['process', 'tree'],
} as unknown as Tracer<object, object>;

const row = (pid: number, comm: string, p99_ns: number, count = 1): Row => ({ pid, comm, p99_ns, count });

function interval(rows: Row[], more: Partial<Snapshot> = {}): SamplerEvent {
	const snapshot = {
		tab: 'waits',
		time: '2026-01-02T03:04:05.678Z',
		dt_ns: 2e9,
		group: 'process',
		source: { kind: 'fake', description: '', uncertainty: '', hooks: [] },
		lost: {},
		rows,
		...more,
	} as unknown as Snapshot;
	return { kind: 'snapshot', snapshot };
}

let out: string[];
let messages: string[];
beforeEach(() => {
	out = [];
	messages = [];
	vi.spyOn(process.stdout, 'write').mockImplementation((text, ...more) => {
		// the end of the output is waited for by an empty text
		if (text !== '') out.push(String(text));
		for (const written of more) if (typeof written === 'function') written();
		return true;
	});
	vi.spyOn(process.stderr, 'write').mockImplementation((text) => Boolean(messages.push(String(text))));
});
afterEach(() => vi.restoreAllMocks());

/** The exit code; `pending` where the events do not end the run. */
async function batch(events: SamplerEvent[], options: Partial<Parameters<typeof runBatch>[1]>) {
	const sampler: Sampler = {
		subscribe: (listener) => {
			for (const event of events) listener(event);
			return () => {};
		},
		setInterval: () => {},
		setGroup: () => {},
		close: () => {},
	};
	const run = runBatch(sampler, {
		tracer,
		json: true,
		iterations: events.length,
		limit: Number.POSITIVE_INFINITY,
		sort: 'pid',
		...options,
	});
	return Promise.race([run, new Promise((resolve) => setImmediate(() => resolve('pending')))]);
}

describe('--fail-if', () => {
	const quiet = interval([row(1, 'a', 1e6)]);
	const slow = interval([row(1, 'a', 1e6), row(2, 'b\x1b', 63.1e6, 8)]);

	test.each([
		['no row matches', [quiet, quiet], 'p99 > 50ms', 0],
		['one row of one interval does', [quiet, slow, quiet], 'p99 > 50ms', 3],
		['the rate is over the measured interval', [slow], 'rate >= 4 and rate < 4.1', 3],
		['a bare word is part of a name', [quiet, slow], 'b', 3],
		['a limit that is only reached', [slow], 'p99 > 63.1ms', 0],
		['what is not known is never too much', [interval([row(1, 'a', Number.NaN)])], 'p99 > 1ns', 0],
		['both parts have to hold for the same row', [slow], 'p99 > 50ms and comm = a', 0],
	])('%s', async (_, events, failIf, code) => {
		expect(await batch(events, { failIf })).toBe(code);
		// it goes to its end in any case
		expect(out).toHaveLength(events.length);
		expect(messages).toHaveLength(code === 3 ? 1 : 0);
	});

	test('the first row that matched is named with its figures, once, and nothing foreign gets through', async () => {
		await batch([quiet, slow, slow], { failIf: 'p99 > 50ms or rate > 1k' });
		expect(messages).toEqual([
			"wattlag: --fail-if 'p99 > 50ms or rate > 1k' matched at 2026-01-02T03:04:05.678Z: waits: 2 b^[: P99 63.1ms, RATE/s 4.00\n",
		]);
	});

	test('rows beyond --limit count, those that --filter hides do not', async () => {
		expect(await batch([slow], { failIf: 'p99 > 50ms', limit: 1, sort: 'pid' })).toBe(3);
		expect(await batch([slow], { failIf: 'p99 > 50ms', filter: 'comm = a' })).toBe(0);
	});

	test('in a tree, rows that are shown for the sake of those below them do not count', async () => {
		const tree = interval([row(1, 'parent', 99e6), { ...row(2, 'child', 1e6), depth: 1 }], { group: 'tree' });
		expect(await batch([tree], { failIf: 'p99 > 50ms', filter: 'comm = child' })).toBe(0);
		expect(out[0]).toContain('parent');
		expect(await batch([tree], { failIf: 'p99 > 50ms' })).toBe(3);
	});

	test('without --iterations the run ends with the first interval that matches', async () => {
		const endless = { failIf: 'p99 > 50ms', iterations: Number.POSITIVE_INFINITY };
		expect(await batch([quiet, quiet], endless)).toBe('pending');
		out.length = 0;
		expect(await batch([quiet, slow, quiet], endless)).toBe(3);
		expect(out).toHaveLength(2);
	});

	const tracers = registry.map((entry) => entry.tracer);
	const program = { tracers, commands };
	test.each([
		[['--fail-if', 'p99 > 5ms'], '--fail-if needs --batch'],
		[['--batch', '--fail-if', 'p99 >'], "--fail-if 'p99 >' at its end"],
		[['--batch', '--tab', 'io', '--fail-if', 'p99 > 5'], 'a unit is missing'],
		[['--batch', '--tab', 'io', '--fail-if', 'watts > 5'], "no column 'watts'"],
		[['--batch', '--tab', 'energy', '--fail-if', 'io.p99 > 5ms'], "no column 'io.p99'"],
	])('%j is a bad option', (argv, message) => {
		const parse = () => resolveOptions(readFlags(argv, program), program);
		expect(parse).toThrow(UsageError);
		expect(parse).toThrow(message);
		expect(parse).not.toThrow('\n');
	});

	test.each(tracers.map(({ id, columns }) => [id, columns] as const))(
		'every figure of %s can be a limit',
		(id, columns) => {
			const units: Record<string, string> = { ns: 'ms', text: '', pid: '' };
			for (const { key, kind } of columns.filter((column) => column.kind !== 'text')) {
				const argv = ['--batch', '--tab', id, '--fail-if', `${key} > 5${units[kind] ?? ''}`];
				expect(resolveOptions(readFlags(argv, program), program).values['fail-if']).toContain(key);
			}
		},
	);
});

describe('a tracer that fails on the way', () => {
	const failed: SamplerEvent = {
		kind: 'unavailable',
		tab: 'waits',
		reason: safe`waits failed: boom`,
		fix: safe`next try in 10 s; report`,
		retry_s: 10,
	};

	test('is waited for once there have been figures', async () => {
		const first = interval([row(1, 'a', 1)]);
		expect(await batch([first, failed], { iterations: 2 })).toBe('pending');
		expect(messages).toEqual(['wattlag: waits: waits failed: boom; next try in 10 s; report\n']);
		expect(await batch([first, failed, first], { iterations: 2 })).toBe(0);
	});

	test('before there were any it ends the run, as one that cannot start does', async () => {
		expect(await batch([failed], { iterations: 2 })).toBe(77);
	});
});
