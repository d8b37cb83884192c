import { describe, expect, test } from 'vitest';
import { BECOME_ROOT } from '../../src/core/errors.ts';
import { type Candidate, probeSources } from '../../src/tracers/energy/sources/candidates.ts';
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

function states(candidates: readonly Candidate[]): Record<string, string> {
	return Object.fromEntries(candidates.map(({ kind, state }) => [kind, state]));
}

const host = (tree: Tree) => ({ ...tree, addon: null });

describe('auto', () => {
	test('RAPL comes before a meter, which is listed as available', () => {
		const probed = probeSources(host(withMeter(withRapl(makeTree()))), 'auto');
		expect(probed.kind).toBe('rapl');
		expect(probed.source?.kind).toBe('rapl');
		expect(states(probed.candidates)).toEqual({
			rapl: 'chosen',
			pmu: 'unavailable',
			meter: 'available',
			model: 'not asked',
			time: 'not asked',
			proc: 'not asked',
		});
		expect(probed.candidates.find(({ kind }) => kind === 'meter')).toMatchObject({
			reason: 'rapl comes first',
			fix: '--source meter',
		});
	});

	test('without RAPL the meter', () => {
		const probed = probeSources(host(withMeter(makeTree())), 'auto');
		expect(probed.kind).toBe('meter');
		expect(probed.source?.read(second).measured_uj).toBe(90_000_000);
	});

	test('with nothing the model, and each candidate says why and what to do', () => {
		const probed = probeSources(host(makeTree()), 'auto');
		expect(probed).toMatchObject({ kind: 'model', source: null });
		expect(states(probed.candidates)).toMatchObject({
			rapl: 'unavailable',
			pmu: 'unavailable',
			meter: 'unavailable',
			model: 'chosen',
		});
		for (const { state, reason, fix } of probed.candidates) {
			expect(reason).not.toBe('');
			if (state === 'unavailable') expect(fix).not.toBe('');
		}
	});

	test('unreadable RAPL: the reason is the permission, the fix is root', () => {
		const tree = withRapl(makeTree());
		tree.forbid(`${zonePath('intel-rapl:0')}/energy_uj`);
		const { candidates } = asNobody(() => probeSources(host(tree), 'auto'));
		expect(candidates[0]).toMatchObject({
			kind: 'rapl',
			state: 'unavailable',
			reason: expect.stringMatching(/readable by root only/),
			fix: BECOME_ROOT,
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
		const probed = probeSources(host(withMeter(withRapl(makeTree()))), 'meter');
		expect(probed.source?.kind).toBe('meter');
		expect(probed.candidates[0]).toMatchObject({
			kind: 'rapl',
			state: 'available',
			reason: '--source meter was asked for',
		});
	});

	test.each(['model', 'time', 'proc'] as const)('%s needs no counter and takes none', (kind) => {
		const probed = probeSources(host(withRapl(makeTree())), kind);
		expect(probed).toMatchObject({ kind, source: null });
		expect(states(probed.candidates)).toMatchObject({ rapl: 'available', [kind]: 'chosen' });
	});
});
