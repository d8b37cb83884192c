import { describe, expect, test } from 'vitest';
import type { Snapshot, Source } from '../../src/core/snapshot.ts';
import { errorOf, sourceBadge, sourceHelp } from '../../src/ui/frame/source.ts';
import { lineOf } from '../../src/ui/widgets/line.ts';
import { energySnapshot } from './fixtures/energy.ts';
import { base } from './fixtures/made-up.ts';
import { fixtureTabs, tracerOf } from './fixtures/tabs.ts';
import { eventually, plain } from './plain.ts';
import { onScreen } from './screen.tsx';

const badge = (of: string, sources: Record<string, Partial<Source>>) => {
	const { full, error } = sourceBadge(tracerOf(of), (tab) => {
		const one = sources[tab];
		const { source, ...rest } = base(tab, 0, '');
		return one && ({ ...rest, source: { ...source, ...one }, rows: [] } as Snapshot);
	});
	return [plain(lineOf(99, full)), plain(lineOf(99, error))];
};

test('the error is that of the main figures', () => {
	expect(errorOf({ uncertainty: 'watts ±67.5 % (modelled: idle ±50 %, full power ±30 %); CPU time exact' })).toBe(
		'±67.5%',
	);
	expect(errorOf({ uncertainty: 'counts exact; percentiles ±25 %' })).toBe('exact');
	expect(errorOf({ uncertainty: 'no watts; CPU time exact' })).toBe('');
});

describe('badge', () => {
	test('of the open tab', () => {
		expect(badge('io', { io: {} })).toEqual(['source tracepoint exact', '']);
		const own = { kind: 'own stamps', uncertainty: 'counts and sums ±2 %; percentiles ±25 %', lacks: 'threads' };
		expect(badge('runqlat', { runqlat: own })).toEqual(['source own stamps ±2% without threads', '±2%']);
		expect(badge('irq', { irq: { lacks: 'timer tick and IPIs' } })).toEqual([
			'source tracepoint exact without timer tick and IPIs',
			'',
		]);
		expect(badge('irq', {})).toEqual(['', '']);
	});

	test('the overview has that of its watts', () => {
		const energy = { kind: 'model', uncertainty: 'watts ±60 %; CPU time exact' };
		expect(badge('overview', { energy, overview: {} })).toEqual(['energy model ±60%', '±60%']);
		expect(badge('overview', { overview: {} })).toEqual(['', '']);
	});
});

test('help has all of it, for the overview of every tab that it is made of', () => {
	const current = (tab: string) => ({ ...base(tab, 0, ''), rows: [] });
	expect(sourceHelp(tracerOf('io'), fixtureTabs, current)).toEqual([
		{
			title: 'Disk IO – source',
			entries: [
				['measured by', 'tracepoint: fixture, nothing was measured'],
				['uncertainty', 'exact'],
				['hooks', 'tp_btf/sched_switch'],
			],
		},
	]);
	const titles = sourceHelp(tracerOf('overview'), fixtureTabs, current).map(({ title }) => title);
	expect(titles).toEqual(
		['Overview', 'Energy', 'Run queue', 'Interrupts', 'Disk IO', 'Events'].map((of) => `${of} – source`),
	);
});

describe('on the screen', () => {
	const screen = onScreen('energy');

	test('in the header, and in full behind ?', async () => {
		await screen.show(energySnapshot(0));
		await eventually(() => expect(screen.text().split('\n')[0]).toContain('energy model ±50%'));
		await screen.keys('?', '\x1b[6~');
		await eventually(() => expect(screen.text()).toContain('Energy – source'));
		expect(screen.text()).toContain('model: watts are a model: CPU time times a fixed power per core');
	});
});
