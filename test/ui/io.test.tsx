import { describe, expect, test } from 'vitest';
import type { Snapshot } from '../../src/core/snapshot.ts';
import { waterfall } from '../../src/core/stages/figures.ts';
import { sanitize } from '../../src/lib/sanitize.ts';
import { textWidth } from '../../src/lib/width.ts';
import type { IoExtra, IoRow } from '../../src/tracers/io/snapshot.ts';
import { countedOnce, sumStages } from '../../src/tracers/io/sum.ts';
import { stageNote } from '../../src/ui/tabs/io/missing-stages.ts';
import { rowsOfSlow } from '../../src/ui/tabs/io/slow-rows.ts';
import { roleOf, stackedBar } from '../../src/ui/tabs/io/stage-marks.ts';
import { neighbours, waterfallLines } from '../../src/ui/tabs/io/waterfall.ts';
import { placedBar, stageTableLines } from '../../src/ui/widgets/stage-table.ts';
import { ioSnapshot } from './fixtures/io.ts';
import { eventually, plain } from './plain.ts';
import { onScreen } from './screen.tsx';

type IoSnapshot = Snapshot<IoRow, IoExtra>;

const screen = onScreen('io');
const { text, keys } = screen;
const show = (tick: number, changes: Partial<IoSnapshot> = {}) => screen.show({ ...ioSnapshot(tick), ...changes });

const off = { state: 'off' as const, reason: sanitize(''), cost_share: 0, limit_share: 0.05 };

describe('views', () => {
	test('stages, slow requests, in flight, and round again', async () => {
		await show(1);
		await show(2);
		await eventually(() => expect(text()).toContain('of all rows'));
		await keys('v');
		await eventually(() => expect(text()).toMatch(/requests over 10\.0ms in the last 2s/));
		await keys('v');
		await eventually(() => expect(text()).toMatch(/in flight at the end of the interval: 3/));
		await keys('v');
		await eventually(() => expect(text()).toContain('of all rows'));
	});

	test('each keeps its order', async () => {
		await show(2);
		await keys('v', '>');
		await eventually(() => expect(text()).toContain('▼TIME'));
		await keys('v', 'v', 'v');
		await eventually(() => expect(text()).toContain('▼TIME'));
	});

	test('a slow request opens and closes; the past is listed too', async () => {
		for (const tick of [1, 2, 3]) await show(tick);
		await keys('v');
		await eventually(() => expect(text()).toMatch(/^3 rows/m));
		await keys('j', '\r');
		await eventually(() => expect(text()).toMatch(/Disk IO › slow requests › (read|write) vda1/));
		for (const word of ['SECTOR', 'CGROUP', 'OWNER', 'BEGAN', 'device']) expect(text()).toContain(word);
		await keys('\x1b');
		await eventually(() => expect(text()).toMatch(/^1\/3/m));
	});

	test('columns of a view are known to filters', async () => {
		await show(2);
		await keys('v', '/time > 1s', '\r');
		await eventually(() => expect(text()).toContain('no row matches the filter'));
		expect(text()).not.toContain('no column');
	});
});

describe('states', () => {
	test('a disk that was taken away is named', async () => {
		await show(2, { gone: [sanitize('sdb')] });
		await eventually(() => expect(text()).toMatch(/^gone: sdb {2}owner/m));
	});

	test('no traffic, no slow request, nothing in flight', async () => {
		await show(0, { rows: [], slow: [], slow_suppressed: 0, inflight: [], inflight_count: 0 });
		await eventually(() => expect(text()).toContain('no disk traffic in this interval'));
		await keys('v');
		await eventually(() => expect(text()).toContain('no request over 10.0ms in the last 1s'));
		await keys('v');
		await eventually(() => expect(text()).toContain('no request was in flight'));
	});

	test('full path: off, detached with its cost, unavailable', async () => {
		const stages = (row: IoRow) => {
			const { fs: _fs, wake: _wake, return: _return, ...block } = row.stages;
			return { ...row, stages: block };
		};
		await show(0, { full_path: off, rows: ioSnapshot(0).rows.map(stages) });
		await eventually(() => expect(text()).toContain('fs, wake, return: only with the full path (f)'));
		await keys('f');
		expect(screen.actions.tune).toHaveBeenLastCalledWith('io', { 'full-path': true });
		const detached = {
			state: 'detached' as const,
			reason: sanitize('own cost was 7 %'),
			cost_share: 0.07,
			limit_share: 0.05,
		};
		await show(1, { full_path: detached });
		await eventually(() => expect(text()).toMatch(/full path detached: own cost was 7 %/));
		await show(2, { full_path: { ...off, state: 'unavailable', reason: sanitize('no such tracepoint') } });
		await eventually(() => expect(text()).toContain('full path unavailable: no such tracepoint'));
		screen.actions.tune.mockClear();
		await keys('f');
		expect(screen.actions.tune).not.toHaveBeenCalled();
	});

	test('narrowing to a device, to the owner of a slow request, and back', async () => {
		await show(2);
		await keys('j', 'F');
		expect(screen.actions.tune).toHaveBeenLastCalledWith('io', { device: 'nvme0n1' });
		await keys('v', 'j', 'F');
		expect(screen.actions.tune.mock.lastCall?.[1]).toHaveProperty('pid');
		await show(3, { filter: sanitize('device vda') });
		await eventually(() => expect(text()).toContain('only device vda'));
		await keys('F');
		expect(screen.actions.tune).toHaveBeenLastCalledWith(
			'io',
			expect.objectContaining({ device: '', pid: 0, cgroup: '' }),
		);
	});

	test('a band goes by the times of the chosen stage', async () => {
		await show(2);
		await keys('\x1b[D', '\x1b[D', '\x1b[D', '\x1b[D');
		await eventually(() => expect(text()).toContain('▶device'));
		// 1 to 2 ms: none of the times of nvme0n1 writes, some of those of vda
		await keys(')', ')', ')', ')');
		await eventually(() => expect(text()).toContain('only rows with times from 8.39ms to 16.8ms'));
		await eventually(() => expect(text()).not.toMatch(/nvme0n1 +write/));
		expect(text()).toMatch(/vda +flush/);
		await keys('\x1b', '\x1b');
		await eventually(() => expect(text()).not.toContain('▶'));
		// slow requests by their time, all of them over 16.8 ms
		await keys('v', ')', ')', ')', ')', ')');
		await eventually(() => expect(text()).toMatch(/from 16\.8ms to 33\.6ms[\s\S]*/));
		await eventually(() => expect(text()).toMatch(/^[1-9] rows?/m));
		await keys('(', '(');
		await eventually(() => expect(text()).toMatch(/^0 rows/m));
	});
});

describe('figures', () => {
	const snapshot = ioSnapshot(2);

	test('times of stages add up to the total, but for means being whole ns', () => {
		const { fs: _fs, wake: _wake, return: _return, total, ...block } = sumStages(snapshot.rows);
		const sum = Object.values(block).reduce((ns, stats) => ns + stats.count * stats.mean_ns, 0);
		const whole = (total?.count ?? 0) * (total?.mean_ns ?? 0);
		expect(Math.abs(sum - whole) / whole).toBeLessThan(1e-5);
		expect(total?.count).toBe(snapshot.rows.reduce((count, row) => count + row.count, 0));
	});

	test('percentiles of a sum are those of its parts where the parts are alike', () => {
		const buckets: [number, number][] = [
			[1280, 50],
			[1536, 40],
			[2048, 10],
		];
		const total = { count: 100, mean_ns: 1250, p50_ns: 1280, p90_ns: 1536, p99_ns: 2015, max_ns: 2040, buckets };
		const sum = sumStages([{ stages: { total } }, { stages: { total } }]).total;
		expect(sum).toMatchObject({ count: 200, mean_ns: 1250, p50_ns: 1280, p90_ns: 1536, p99_ns: 2015, max_ns: 2040 });
	});

	test('a stacked device is not counted again', () => {
		const [first] = snapshot.rows;
		const stacked = { ...(first as IoRow), device: sanitize('dm-0'), stacked: true };
		expect(countedOnce([...snapshot.rows, stacked])).toEqual(snapshot.rows);
	});

	test.each([30, 40, 57, 80, 84])('stage table of %i cells', (width) => {
		const stages = sumStages(snapshot.rows);
		const note = stageNote(snapshot.full_path, stages);
		const table = { stages, note, roleOf, name: 'all rows', chosen: 'device', width };
		for (const height of [3, 5, 9, 12]) {
			const lines = stageTableLines({ ...table, height }).map(plain);
			expect(lines.length).toBeLessThanOrEqual(height);
			for (const line of lines) expect(textWidth(line)).toBeLessThanOrEqual(width);
			// What takes longest stays, whatever the height.
			expect(lines.some((line) => line.startsWith('▶device'))).toBe(true);
		}
	});

	test('a bar of stages is as long as it may be, in order', () => {
		const steps = waterfall({ request: 1e6, queue: 2e6, device: 7e6 });
		const bar = (width: number) =>
			stackedBar(steps, width)
				.map((span) => span[1])
				.join('');
		expect(bar(10)).toBe('rqqddddddd');
		for (const width of [1, 3, 7, 64]) expect(bar(width)).toHaveLength(width);
		expect(bar(0)).toBe('');
		expect(stackedBar([], 10)).toEqual([]);
	});

	test('placed bars stay inside', () => {
		for (const [at, share] of [
			[0, 1],
			[0.999, 0.001],
			[1, 0],
			[0.5, 0.5],
		] as const) {
			expect(placedBar(at, share, 20).length).toBeLessThanOrEqual(20);
		}
		expect(placedBar(0.5, 0.5, 20)).toBe(`${' '.repeat(10)}${'█'.repeat(10)}`);
	});

	test('tasks with slow requests on the same disk in the same time', () => {
		const [request, , ...rest] = rowsOfSlow(snapshot, ioSnapshot(2).slow);
		if (!request) throw new Error('the fixture has slow requests');
		const at = (mono_ns: number, name: string, device = 'vda') => ({
			...request,
			mono_ns,
			comm: sanitize(name),
			device: sanitize(device),
		});
		const before = request.mono_ns - request.whole_ns;
		const all = [
			request,
			at(before, 'earlier'),
			at(before + 1, 'beside'),
			at(request.mono_ns, 'elsewhere', 'sdb'),
			...rest,
		];
		expect(neighbours(request, all).map(({ name }) => name)).toEqual([expect.stringContaining('beside')]);
	});

	test.each([5, 11, 30])('waterfall in %i rows: within the screen, the longest stage always there', (height) => {
		for (const width of [40, 80, 200]) {
			for (const row of rowsOfSlow(snapshot, ioSnapshot(2).slow)) {
				const lines = waterfallLines(row, [row], snapshot.full_path, width, height).map(plain);
				expect(lines.length).toBeLessThanOrEqual(height);
				for (const line of lines) expect(textWidth(line)).toBeLessThanOrEqual(width);
				expect(lines.some((line) => line.startsWith('device'))).toBe(true);
			}
		}
	});
});

test('the help explains stages, views and terms', async () => {
	await show(0);
	await keys('?');
	await eventually(() => expect(text()).toContain(' Help   1–'));
	const pages = [text()];
	const last = () => pages.at(-1) as string;
	while (!/–(\d+) of \1 /.test(last())) {
		await keys('\x1b[6~');
		await eventually(() => expect(text()).not.toBe(last()));
		pages.push(text());
	}
	const all = pages.join('\n');
	for (const word of [
		'Stages of a request',
		'bio queued → got request',
		'submitter',
		'plug',
		'tag',
		'SECTOR',
		'requeued',
	])
		expect(all).toContain(word);
});
