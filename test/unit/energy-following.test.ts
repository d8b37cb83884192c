/** Sources that stop to deliver, from trees that stand in for hardware. */
import { expect, test } from 'vitest';
import { Processors } from '../../src/tracers/energy/power/cpufreq.ts';
import { FollowingPower } from '../../src/tracers/energy/power/following.ts';
import { counterPower, modelPower } from '../../src/tracers/energy/power/power.ts';
import { probeSources } from '../../src/tracers/energy/sources/candidates.ts';
import { addZone, asNobody, makeTree, second, setEnergy, setVendor, type Tree, zonePath } from './energy-fixtures.ts';

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

const read = (power: FollowingPower, seconds: number): ReturnType<FollowingPower['read']>[] =>
	Array.from({ length: seconds }, () => power.read(second, [0]));

test('a counter that stands still gives way, and is taken again when it counts', () => {
	const tree = makeTree();
	setVendor(tree, 'GenuineIntel');
	addZone(tree, 'intel-rapl:0', 'package-0', 1_000_000);
	const power = following(tree);
	expect(power.kind).toBe('rapl');
	read(power, 4);
	expect(power.kind).toBe('model');
	expect(state(power)['rapl']).toEqual(['unavailable', expect.stringMatching(/counter stands still/)]);
	for (let joules = 2; joules < 30; joules++) {
		setEnergy(tree, 'intel-rapl:0', joules * 1_000_000);
		power.read(second, [0]);
	}
	expect(power.kind).toBe('rapl');
	power.close();
});

test('permission that is taken away: the next source, with that reason', () => {
	const tree = makeTree();
	setVendor(tree, 'GenuineIntel');
	addZone(tree, 'intel-rapl:0', 'package-0', 1_000_000);
	tree.set('sys/class/hwmon/hwmon0/name', 'power_meter');
	tree.set(meter, 30_000_000);
	asNobody(() => {
		const power = following(tree);
		expect(power.kind).toBe('rapl');
		if (process.geteuid?.() === 65534) process.seteuid?.(0);
		tree.forbid(`${zonePath('intel-rapl:0')}/energy_uj`);
		if (process.getuid?.() === 0) process.seteuid?.(65534);
		read(power, 4);
		expect([power.kind, state(power)['rapl']]).toEqual([
			'meter',
			['unavailable', expect.stringMatching(/readable by root only/)],
		]);
		expect(read(power, 2).at(-1)).toMatchObject({ known: true });
		power.close();
	});
});

test('a battery that takes over later, and one that is put on mains', () => {
	const tree = makeTree();
	const battery = 'sys/class/power_supply/BAT0';
	for (const [file, value] of Object.entries({ type: 'Battery', status: 'Charging', power_now: 9_000_000 }))
		tree.set(`${battery}/${file}`, value);
	const power = following(tree);
	expect([power.kind, state(power)['meter']?.[1]]).toEqual(['model', expect.stringMatching(/is not discharging/)]);
	tree.set(`${battery}/status`, 'Discharging');
	read(power, 31);
	expect(power.kind).toBe('meter');
	expect(read(power, 1)[0]?.domains[0]?.energy_uj).toBe(9e6);
	tree.set(`${battery}/status`, 'Not charging');
	read(power, 4);
	expect(power.kind).toBe('model');
	power.close();
});

test('a package that is added later counts; one that is taken away is named, then left out', () => {
	const tree = makeTree();
	setVendor(tree, 'GenuineIntel');
	let joules = 1;
	addZone(tree, 'intel-rapl:0', 'package-0', 1_000_000);
	const power = following(tree);
	const count = (seconds: number, zones: readonly string[]) =>
		Array.from({ length: seconds }, () => {
			joules++;
			for (const zone of zones) setEnergy(tree, zone, joules * 1_000_000);
			return power.read(second, [0]);
		}).at(-1);
	const both = ['intel-rapl:0', 'intel-rapl:1'];
	count(2, ['intel-rapl:0']);
	addZone(tree, 'intel-rapl:1', 'package-1', joules * 1_000_000);
	const added = count(33, both);
	expect(added?.domains.map(({ name, energy_uj }) => [name, energy_uj])).toEqual([
		['package-0', 1e6],
		['package-1', 1e6],
	]);
	tree.remove('sys/class/powercap/intel-rapl:1');
	tree.remove(zonePath('intel-rapl:1'));
	expect(count(1, ['intel-rapl:0'])?.marked.join()).toMatch(/package-1: gone/);
	expect(count(33, ['intel-rapl:0'])?.domains.map(({ name }) => name)).toEqual(['package-0']);
	power.close();
});
