import { describe, expect, test } from 'vitest';
import { probeSources, type Rung } from '../../src/tracers/energy/sources/candidates.ts';
import { addZone, asNobody, makeTree, second, type Tree, zonePath } from './energy-fixtures.ts';

function withRapl(tree: Tree): Tree {
	addZone(tree, 'intel-rapl:0', 'package-0', 1000);
	return tree;
}

function withMeter(tree: Tree): Tree {
	tree.set('sys/class/hwmon/hwmon0/name', 'power_meter');
	tree.set('sys/class/hwmon/hwmon0/power1_average', 90_000_000);
	return tree;
}

function states(rungs: readonly Rung[]): Record<string, string> {
	return Object.fromEntries(rungs.map(({ kind, state }) => [kind, state]));
}

const host = (tree: Tree) => ({ ...tree, addon: null });

describe('auto', () => {
	test('RAPL comes before a meter, which is listed as available', () => {
		const ladder = probeSources(host(withMeter(withRapl(makeTree()))), 'auto');
		expect(ladder.kind).toBe('rapl');
		expect(ladder.source?.kind).toBe('rapl');
		expect(states(ladder.rungs)).toEqual({
			rapl: 'chosen',
			pmu: 'unavailable',
			meter: 'available',
			model: 'not asked',
			time: 'not asked',
			proc: 'not asked',
		});
		expect(ladder.rungs.find(({ kind }) => kind === 'meter')).toMatchObject({
			reason: 'rapl comes first',
			fix: '--source meter',
		});
	});

	test('without RAPL the meter', () => {
		const ladder = probeSources(host(withMeter(makeTree())), 'auto');
		expect(ladder.kind).toBe('meter');
		expect(ladder.source?.read(second).measured_uj).toBe(90_000_000);
	});

	test('with nothing the model, and each rung says why and what to do', () => {
		const ladder = probeSources(host(makeTree()), 'auto');
		expect(ladder).toMatchObject({ kind: 'model', source: null });
		expect(states(ladder.rungs)).toMatchObject({
			rapl: 'unavailable',
			pmu: 'unavailable',
			meter: 'unavailable',
			model: 'chosen',
		});
		for (const { state, reason, fix } of ladder.rungs) {
			expect(reason).not.toBe('');
			if (state === 'unavailable') expect(fix).not.toBe('');
		}
	});

	test('unreadable RAPL: the reason is the permission, the fix is root', () => {
		const tree = withRapl(makeTree());
		tree.forbid(`${zonePath('intel-rapl:0')}/energy_uj`);
		const { rungs } = asNobody(() => probeSources(host(tree), 'auto'));
		expect(rungs[0]).toMatchObject({
			kind: 'rapl',
			state: 'unavailable',
			reason: expect.stringMatching(/readable by root only/),
			fix: 'run as root: sudo wattlag',
		});
	});
});

describe('a source asked for', () => {
	test.each(['rapl', 'pmu', 'meter'] as const)('%s that is missing is an error with its fix', (kind) => {
		expect(() => probeSources(host(makeTree()), kind)).toThrow(
			expect.objectContaining({ name: 'Error', fix: expect.stringMatching(/./) }),
		);
	});

	test('meter, although RAPL is there', () => {
		const ladder = probeSources(host(withMeter(withRapl(makeTree()))), 'meter');
		expect(ladder.source?.kind).toBe('meter');
		expect(ladder.rungs[0]).toMatchObject({ kind: 'rapl', state: 'available', reason: '--source meter was asked for' });
	});

	test.each(['model', 'time', 'proc'] as const)('%s needs no counter and takes none', (kind) => {
		const ladder = probeSources(host(withRapl(makeTree())), kind);
		expect(ladder).toMatchObject({ kind, source: null });
		expect(states(ladder.rungs)).toMatchObject({ rapl: 'available', [kind]: 'chosen' });
	});
});
