import { expect, test } from 'vitest';
import { sourceTabs } from '../../src/tracers/overview/sources.ts';
import { lossesOf } from '../../src/ui/frame/losses.ts';
import { base } from './fixtures/made-up.ts';
import { fixtureTabs, tracerOf } from './fixtures/tabs.ts';

const lost: Record<string, Record<string, number>> = {
	energy: { process_unknown: 2 },
	runqlat: { ring: 3, tasks: 0 },
	irq: { ring: 0 },
	io: { ring: 4, map_full: 5 },
	receive: { ring: 6 },
	// as the overview adds them up
	overview: { energy: 2, runqlat: 3, irq: 0, io: 9 },
};
const of = (tab: string) =>
	lossesOf(tracerOf(tab), fixtureTabs, (id) =>
		id === 'irq' ? undefined : { ...base(id, 0, ''), lost: lost[id] ?? {}, rows: [] },
	);

test('causes of the open tab, then the other tabs by title', () => {
	expect(of('io')).toEqual([
		['ring', 4],
		['map_full', 5],
		['Energy', 2],
		['Run queue', 3],
		['Receive', 6],
	]);
});

test('the overview includes the tabs that it is made of, by title', () => {
	expect(sourceTabs).not.toContain('receive');
	expect(of('overview')).toEqual([
		['Energy', 2],
		['Run queue', 3],
		['Disk IO', 9],
		['Receive', 6],
	]);
});
