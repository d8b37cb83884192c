/** Snapshots → metrics: sums, names, limits, and both text formats. */
import { describe, expect, test } from 'vitest';
import type { Snapshot } from '../../src/core/snapshot.ts';
import { Exporter } from '../../src/export/exporter.ts';
import { groupOf } from '../../src/export/group-of.ts';
import { NamedGroups } from '../../src/export/groups.ts';
import { instruments, otelName } from '../../src/export/instruments.ts';
import { Mapping, uncertaintyOf } from '../../src/export/mapping.ts';
import { negotiate } from '../../src/export/negotiate.ts';
import { OPENMETRICS } from '../../src/export/openmetrics.ts';
import { SeriesSet } from '../../src/export/series.ts';
import { TEXT } from '../../src/export/text.ts';
import { slotCount, slotLower, toBuckets } from '../../src/lib/histogram.ts';
import { sanitize } from '../../src/lib/sanitize.ts';
import { hostile } from '../lib/hostile.ts';
import { generator } from '../lib/random.ts';
import { energySnapshot } from '../ui/fixtures/energy.ts';
import { ioSnapshot } from '../ui/fixtures/io.ts';
import { irqSnapshot } from '../ui/fixtures/irq.ts';
import { overviewFixture } from '../ui/fixtures/overview.ts';
import { runqlatSnapshot } from '../ui/fixtures/runqlat.ts';

const identity = { version: '1', host: 'h', kernel: 'k' };
const noon = Date.parse('2026-01-02T12:00:00Z');

function exporter(options: Partial<ConstructorParameters<typeof Exporter>[0]> = {}): Exporter {
	return new Exporter({ ...identity, series: 5000, now: () => noon, ...options });
}

/** name{labels} → value, of either format. */
function samples(text: string): Map<string, number> {
	const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
	return new Map(
		lines.map((line) => {
			const at = line.lastIndexOf(' ');
			return [line.slice(0, at), Number(line.slice(at + 1))];
		}),
	);
}

function feed(to: Exporter, ...snapshots: readonly object[]): void {
	for (const snapshot of snapshots) to.apply({ kind: 'snapshot', snapshot: snapshot as Snapshot });
	to.apply({ kind: 'live', tab: 'energy' });
}

const overview = overviewFixture();
function tick(at: number) {
	const sources = [energySnapshot(at), runqlatSnapshot(at), irqSnapshot(at), ioSnapshot(at)] as const;
	return [...sources, overview(at, sources as unknown as Snapshot[])] as const;
}

describe('counters', () => {
	test('are the sums of the intervals, in s, J and bytes', () => {
		const to = exporter();
		const all = [tick(1), tick(2), tick(3)];
		for (const one of all) feed(to, ...one);
		const of = samples(to.text(TEXT));
		const joules = all.reduce((sum, [{ measured_uj }]) => sum + measured_uj, 0) / 1e6;
		const parts = [...of].filter(([name]) => name.startsWith('wattlag_energy_joules_total'));
		expect(parts.length).toBe(4);
		expect(parts.reduce((sum, [, value]) => sum + value, 0)).toBeCloseTo(joules, 6);
		expect(joules).toBeGreaterThan(0);
		const machine = all.map(([, { rows }]) => rows.find(({ key }) => key.kind === 'all'));
		expect(of.get('wattlag_runqueue_wait_seconds_count')).toBe(
			machine.reduce((sum, row) => sum + (row?.buckets.reduce((all, [, count]) => all + count, 0) ?? 0), 0),
		);
	});

	test('go on when a tracer is restarted and counts its losses from 0', () => {
		const to = exporter();
		const [energy] = tick(1);
		const lost = (count: number) => ({ ...energy, lost: { ended_threads: count } });
		feed(to, lost(5));
		feed(to, lost(7));
		to.apply({ kind: 'unavailable', tab: 'energy', reason: sanitize('x'), fix: sanitize('y') });
		expect(samples(to.text(TEXT)).get('wattlag_tab_up{tab="energy"}')).toBe(0);
		feed(to, lost(3));
		expect(samples(to.text(TEXT)).get('wattlag_lost_events_total{tab="energy",cause="ended_threads"}')).toBe(10);
	});

	test('never fall: a negative or unknown amount adds nothing', () => {
		const series = new SeriesSet(10);
		for (const amount of [3, -1, Number.NaN, Number.POSITIVE_INFINITY]) series.add('cpu', { part: 'irq' }, amount);
		const [family] = [...series.all()];
		expect([...(family?.series ?? [])].map(({ value }) => value)).toEqual([3]);
	});
});

describe('groups', () => {
	test('are containers, units and commands, and never pids', () => {
		const id = 'a'.repeat(64);
		const of = (cgroup: string, comm = 'x') => groupOf({ cgroup: sanitize(cgroup), comm: sanitize(comm) });
		expect(of(`/system.slice/docker-${id}.scope`)).toEqual({ kind: 'container', name: `docker ${'a'.repeat(12)}` });
		expect(of('/system.slice/ssh.service')).toEqual({ kind: 'unit', name: 'ssh.service' });
		expect(of('/user.slice/user-1000.slice/session-2.scope', 'bash')).toEqual({ kind: 'command', name: 'bash' });
		expect(of('', 'kworker/0:1H')).toEqual({ kind: 'command', name: 'kworker' });
		expect(of('/', '')).toEqual({ kind: 'command', name: '?' });
	});

	test('a name is not lost to one that is slightly, or briefly, larger', () => {
		const groups = new NamedGroups({ most: 1 });
		const turn = (a: number, b: number) => groups.update(new Map([['a', a], ['b', b]])); // biome-ignore format: a table
		turn(1, 0.9);
		expect(groups.has('a')).toBe(true);
		for (let i = 0; i < 50; i++) expect(turn(1, 1.3)).toEqual([]);
		expect(turn(1, 10)).toEqual([]);
		for (let i = 0; i < 20; i++) turn(1, 0.1);
		expect(groups.has('a')).toBe(true);
		const left = [1, 2, 3, 4].flatMap(() => turn(1, 10));
		expect(left).toEqual(['a']);
		expect(groups.has('b')).toBe(true);
	});

	test('other never falls, and nothing is counted twice: with every group the sum is the same', () => {
		const next = generator(7);
		const few = new Mapping({ ...identity, series: 5000, groups: { most: 2, intervals: 1, factor: 1 } });
		const [, , , , template] = tick(1);
		const row = template.rows[0] as (typeof template.rows)[number];
		const other = () => {
			const family = [...few.series.all()].find(({ id }) => id === 'groupCpu');
			return [...(family?.series ?? [])].find(({ labels }) => labels['kind'] === 'other')?.value ?? 0;
		};
		let before = 0;
		let total = 0;
		for (let i = 0; i < 200; i++) {
			const rows = Array.from({ length: 6 }, (_, index) => ({
				...row,
				pid: index + 1,
				comm: sanitize(`c${index}`),
				cgroup: sanitize(''),
				cpu_ns: Math.round(next() * 1e9),
			}));
			total += rows.reduce((sum, { cpu_ns }) => sum + cpu_ns, 0) / 1e9;
			few.apply({ kind: 'snapshot', snapshot: { ...template, rows, group: 'process' } as unknown as Snapshot });
			expect(other()).toBeGreaterThanOrEqual(before);
			before = other();
		}
		expect(before).toBeGreaterThan(0);
		expect(before).toBeLessThan(total);
	});
});

test('series are limited, and refused ones are counted once each', () => {
	const series = new SeriesSet(3);
	for (const part of ['a', 'b', 'c', 'd', 'e', 'd', 'e']) series.add('cpu', { part }, 1);
	expect([series.size, series.refused]).toEqual([3, 2]);
	series.add('cpu', { part: 'a' }, 1);
	expect([...series.all()].flatMap((family) => [...family.series].map(({ value }) => value))).toEqual([2, 1, 1]);
});

test('bounds of histograms are edges of slots, so that no count is interpolated', () => {
	const length = slotCount(2);
	const edges = new Set(Array.from({ length: length + 1 }, (_, slot) => slotLower(slot, length)));
	for (const { bounds_ns } of [instruments.wait, instruments.io])
		for (const bound of bounds_ns) expect(edges).toContain(bound);
	const series = new SeriesSet(100);
	const slots = Array.from({ length }, (_, slot) => slot % 5);
	const buckets = toBuckets(slots, 2 ** 37);
	series.observe('wait', {}, buckets, 1);
	const [family] = [...series.all()];
	const [one] = [...(family?.series ?? [])];
	let below = 0;
	for (const [index, bound] of instruments.wait.bounds_ns.entries()) {
		below += one?.histogram?.counts[index] ?? 0;
		expect(below).toBe(
			slots.reduce((sum, count, slot) => (slotLower(slot + 1, length) <= bound ? sum + count : sum), 0),
		);
	}
	expect(one?.histogram?.count).toBe(slots.reduce((sum, count) => sum + count, 0));
});

describe('formats', () => {
	test('have the same samples; OpenMetrics has the begins and an end beside', () => {
		const to = exporter();
		feed(to, ...tick(1));
		const text = samples(to.text(TEXT));
		const open = samples(to.text(OPENMETRICS));
		const begins = [...open.keys()].filter((name) => name.includes('_created'));
		expect(begins.length).toBeGreaterThan(10);
		for (const name of begins) {
			expect(open.get(name)).toBe(noon / 1000);
			open.delete(name);
		}
		expect([...open].sort()).toEqual([...text].sort());
		expect(to.text(OPENMETRICS).endsWith('# EOF\n')).toBe(true);
	});

	test('hostile names stay values of labels', () => {
		const to = exporter();
		const hostile = 'a"} 1\nwattlag_fake 2\\';
		to.mapping.series.add('groupCpu', { kind: 'command', group: hostile }, 1);
		for (const text of [to.text(TEXT), to.text(OPENMETRICS)]) {
			expect(text).toContain('{kind="command",group="a\\"} 1\\nwattlag_fake 2\\\\"} 1');
			expect(text).not.toMatch(/^wattlag_fake/m);
		}
	});

	test('whatever users call their programs, groups and devices, each line is a sample of a known metric', () => {
		const to = exporter();
		for (const at of [1, 2, 3]) feed(to, ...tick(at).map((one) => hostile(one as unknown as Snapshot)));
		const families = new Set(Object.values(instruments).map(({ name }) => name));
		for (const [kind, text] of [
			['text', to.text(TEXT)],
			['openmetrics', to.text(OPENMETRICS)],
		] as const) {
			// a strict reader: names, then labels whose values have no bare quote, backslash or end of line, then one number
			const label = '[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\\\n]|\\\\["\\\\n])*"';
			const sample = new RegExp(`^([a-z_]+)(?:\\{(${label}(?:,${label})*)?\\})? ([-+0-9.eE]+|NaN|[+-]Inf)$`);
			const foreign = new Set<string>();
			for (const line of text.trimEnd().split('\n')) {
				if (/^# (HELP|TYPE|UNIT) [a-z_]+ ?/.test(line) || (kind === 'openmetrics' && line === '# EOF')) continue;
				const [, name = '', labels = ''] = sample.exec(line) ?? expect.fail(line);
				const base = name.replace(/_(bucket|sum|count|created)$/, '');
				expect(
					[...families].some(
						(one) => one === name || one === base || `${one}_total` === base || `${one}_total` === name,
					),
					line,
				).toBe(true);
				for (const [, value = ''] of labels.matchAll(/="((?:[^"\\]|\\.)*)"/g)) foreign.add(value);
			}
			expect(text.match(/^# EOF$/gm)?.length ?? 0).toBe(kind === 'openmetrics' ? 1 : 0);
			// what was tried is there, as a value
			expect([...foreign].filter((value) => /wattlag_fake|onerror|__name__|evil/.test(value)).length).toBeGreaterThan(
				2,
			);
			expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f\u202e\u2066]/);
		}
	});

	test('OpenTelemetry names differ from Prometheus’s by dots and the unit only', () => {
		for (const one of Object.values(instruments)) {
			expect(one.name).toMatch(/^wattlag_[a-z_]+$/);
			if (one.unit !== 'none') expect(one.name.endsWith(`_${one.unit}`), one.name).toBe(true);
			expect(otelName(one).replaceAll('.', '_') + (one.unit === 'none' ? '' : `_${one.unit}`)).toBe(one.name);
		}
	});

	test.each([
		[undefined, TEXT],
		['*/*', TEXT],
		['text/html', TEXT],
		['application/openmetrics-text', OPENMETRICS],
		// Prometheus 2.42
		['application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1', OPENMETRICS], // biome-ignore format: a table
		['application/openmetrics-text;q=0.1,text/plain', TEXT],
		['application/openmetrics-text;version=0.0.1', TEXT],
	])('Accept: %s', (accept, type) => {
		expect(negotiate(accept, [TEXT, OPENMETRICS])).toBe(type);
	});
});

test.each([
	['watts ±50 % (modelled); CPU time exact', 0.5],
	['watts ±2.5 %', 0.025],
	['exact; watts ±3 %', undefined],
])('uncertainty of "%s"', (text, ratio) => expect(uncertaintyOf(text)).toBe(ratio));
