/** Sources that stop to deliver, from trees that stand in for hardware. */
import { expect, test } from 'vitest';
import { Processors } from '../../src/tracers/energy/power/cpufreq.ts';
import { FollowingPower } from '../../src/tracers/energy/power/following.ts';
import { counterPower, modelPower } from '../../src/tracers/energy/power/power.ts';
import { probeSources } from '../../src/tracers/energy/sources/candidates.ts';
import { makeTree, second, type Tree } from './energy-fixtures.ts';

function following(tree: Tree): FollowingPower {
	const host = { sysRoot: tree.sysRoot, procRoot: tree.procRoot, addon: null };
	const processors = new Processors(tree.sysRoot, 2, 1);
	return new FollowingPower(probeSources(host, 'auto'), {
		probe: (without) => probeSources(host, 'auto', without),
		open: ({ source }) =>
			source ? counterPower(source, processors, 0.2) : modelPower({ tdp: 10, idleShare: 0.2, cpus: 1 }, processors),
	});
}

const meter = 'sys/class/hwmon/hwmon0/power1_average';
const state = (power: FollowingPower) =>
	Object.fromEntries(power.candidates.map(({ kind, state, reason }) => [kind, [state, reason]]));

test('an error value from the start: the next source after three seconds, with the reason; back when it delivers', () => {
	const tree = makeTree();
	tree.set('sys/class/hwmon/hwmon0/name', 'power_meter');
	tree.set(meter, 0xffffffff * 1000);
	const power = following(tree);
	expect(state(power)['meter']?.[0]).toBe('chosen');
	for (const _ of [1, 2, 3]) expect(power.read(second, [0]).known).toBe(false);
	expect(power.kind).toBe('model');
	expect(power.read(second, [0]).known).toBe(true);
	expect(state(power)).toMatchObject({
		meter: ['unavailable', expect.stringMatching(/does not deliver \(.*error value of a meter\); tried again/)],
		model: ['chosen', expect.anything()],
	});
	// tried in vain, then mended
	for (let i = 0; i < 12; i++) power.read(second, [0]);
	expect(power.kind).toBe('model');
	tree.set(meter, 20_000_000);
	for (let i = 0; i < 12; i++) power.read(second, [0]);
	expect([power.kind, state(power)['meter']?.[0]]).toEqual(['meter', 'chosen']);
	expect(power.read(second, [0])).toMatchObject({ known: true });
	power.close();
});

test('a short silence changes nothing', () => {
	const tree = makeTree();
	tree.set('sys/class/hwmon/hwmon0/name', 'power_meter');
	tree.set(meter, 5_000_000);
	const power = following(tree);
	for (let round = 0; round < 5; round++) {
		tree.set(meter, 0xffffffff);
		power.read(second, [0]);
		tree.set(meter, 5_000_000);
		power.read(second, [0]);
		power.read(second, [0]);
	}
	expect(power.kind).toBe('meter');
	power.close();
});
