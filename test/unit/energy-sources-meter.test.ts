import { describe, expect, test } from 'vitest';
import { probeMeter } from '../../src/tracers/energy/sources/meter.ts';
import { makeTree, second, type Tree } from './energy-fixtures.ts';

function addChip(tree: Tree, index: number, name: string, files: Record<string, string | number>): string {
	const folder = `sys/class/hwmon/hwmon${index}`;
	tree.set(`${folder}/name`, name);
	for (const [file, content] of Object.entries(files)) tree.set(`${folder}/${file}`, content);
	return folder;
}

function addBattery(tree: Tree, name: string, files: Record<string, string | number>): string {
	const folder = `sys/class/power_supply/${name}`;
	for (const [file, content] of Object.entries({ type: 'Battery', ...files })) tree.set(`${folder}/${file}`, content);
	return folder;
}

describe('hwmon', () => {
	test('amd_energy: sockets are added up, cores are within them', () => {
		const tree = makeTree();
		const folder = addChip(tree, 0, 'amd_energy', {
			energy1_input: 0,
			energy1_label: 'Ecore000',
			energy2_input: 0,
			energy2_label: 'Esocket0',
			energy3_input: 0,
			energy3_label: 'Esocket1',
		});
		const source = probeMeter(tree);
		tree.set(`${folder}/energy1_input`, 50);
		tree.set(`${folder}/energy2_input`, 100);
		tree.set(`${folder}/energy3_input`, 200);
		const reading = source.read(second);
		expect(reading.measured_uj).toBe(300);
		expect(reading.package_uj).toEqual(
			new Map([
				[0, 100],
				[1, 200],
			]),
		);
		expect(source).toMatchObject({ kind: 'meter', scope: 'CPU packages' });
	});

	test('the ACPI meter: power over time, its own accuracy', () => {
		const tree = makeTree();
		const folder = addChip(tree, 3, 'power_meter', { power1_average: 200_000_000, power1_accuracy: '97.5%' });
		const source = probeMeter(tree);
		tree.set(`${folder}/power1_average`, 300_000_000);
		expect(source.read(2 * second)).toMatchObject({ measured_uj: 500_000_000, package_uj: new Map() });
		expect(source).toMatchObject({ scope: 'whole machine (ACPI power meter)', percent: 2.5 });
		expect(source.uncertainty).toMatch(/^±2.5 % \(by the meter's own statement/);
		expect(source.hooks).toEqual([`${tree.sysRoot}/class/hwmon/hwmon3/power1_average`]);
	});

	test('an energy counter is preferred to a power, and the same is not counted twice', () => {
		const tree = makeTree();
		const folder = addChip(tree, 0, 'aem0', { power1_average: 1_000_000, energy1_input: 5 });
		const source = probeMeter(tree);
		tree.set(`${folder}/energy1_input`, 25);
		expect(source.read(second).domain_uj).toEqual([20]);
	});

	test('one meter per processor: all of them', () => {
		const tree = makeTree();
		addChip(tree, 0, 'fam15h_power', { power1_input: 40_000_000 });
		addChip(tree, 1, 'fam15h_power', { power1_input: 60_000_000 });
		expect(probeMeter(tree).read(second).measured_uj).toBe(100_000_000);
	});

	test('a reset counter, garbage and a meter that goes away', () => {
		const tree = makeTree();
		const folder = addChip(tree, 0, 'aem0', { energy1_input: 1_000_000 });
		const source = probeMeter(tree);
		for (const [content, mark] of [
			['10', /went back/],
			['much', /no counter/],
		] as const) {
			tree.set(`${folder}/energy1_input`, content);
			expect(source.read(second)).toMatchObject({
				measured_uj: 0,
				silent: true,
				marked: [expect.stringMatching(mark)],
			});
		}
		tree.remove(folder);
		expect(source.read(second).marked).toEqual([expect.stringMatching(/gone/)]);
	});

	test.each([0xffffffff, 0xffffffff * 1000, 0x7fffffff, 0x7fffffff * 1000])('%d µW is an error value', (value) => {
		const tree = makeTree();
		addChip(tree, 0, 'power_meter', { power1_average: value });
		expect(probeMeter(tree).read(second)).toMatchObject({
			silent: true,
			marked: [expect.stringContaining('the error value of a meter')],
		});
	});

	test('GPUs are no machine meters', () => {
		const tree = makeTree();
		addChip(tree, 0, 'amdgpu', { power1_average: 30_000_000 });
		expect(() => probeMeter(tree, true)).toThrow(/no power meter/);
	});

	test('a chip that may measure anything is taken only when asked for', () => {
		const tree = makeTree();
		addChip(tree, 0, 'ina226', { power1_input: 2_000_000, power1_label: 'rail' });
		expect(() => probeMeter(tree)).toThrow(/hwmon has ina226, but its consumers are not known/);
		const source = probeMeter(tree, true);
		expect(source.scope).toMatch(/not known/);
		expect(source.read(second).measured_uj).toBe(2_000_000);
	});
});

describe('battery', () => {
	test('while discharging, the whole machine', () => {
		const tree = makeTree();
		addBattery(tree, 'AC', { type: 'Mains', online: 0 });
		const folder = addBattery(tree, 'BAT0', { status: 'Discharging', power_now: 10_000_000 });
		const source = probeMeter(tree);
		expect(source.scope).toBe('battery: whole machine, only while discharging');
		tree.set(`${folder}/power_now`, 12_000_000);
		expect(source.read(second).measured_uj).toBe(11_000_000);
		tree.set(`${folder}/status`, 'Charging');
		expect(source.read(second)).toMatchObject({
			silent: true,
			marked: ["BAT0: is not discharging (Charging): on mains its power is not the machine's"],
		});
	});

	test('a second battery takes over; both at once add up', () => {
		const tree = makeTree();
		const first = addBattery(tree, 'BAT0', { status: 'Discharging', power_now: 12_000_000 });
		const second_ = addBattery(tree, 'BAT1', { status: 'Not charging', power_now: 0 });
		const source = probeMeter(tree);
		expect(source.domains).toMatchObject([{ name: 'BAT0+BAT1' }]);
		expect(source.read(second).measured_uj).toBe(12_000_000);
		tree.set(`${second_}/power_now`, 10_000_000);
		tree.set(`${second_}/status`, 'Discharging');
		tree.set(`${first}/status`, 'Not charging');
		expect(source.read(second)).toMatchObject({ measured_uj: 11_000_000, marked: [] });
		expect(source.read(second)).toMatchObject({ measured_uj: 10_000_000, marked: [] });
		tree.set(`${first}/status`, 'Discharging');
		source.read(second);
		expect(source.read(second).measured_uj).toBe(22_000_000);
	});

	test('one that discharges and does not deliver: the others alone are not the machine', () => {
		const tree = makeTree();
		addBattery(tree, 'BAT0', { status: 'Discharging', power_now: 12_000_000 });
		const broken = addBattery(tree, 'BAT1', { status: 'Discharging', power_now: 8_000_000 });
		const source = probeMeter(tree);
		expect(source.read(second).measured_uj).toBe(20_000_000);
		for (const value of [4_294_967_295, 'garbage', '', 0, 1e15]) {
			tree.set(`${broken}/power_now`, value);
			expect(source.read(second), `${value}`).toMatchObject({ measured_uj: 0, silent: true });
		}
		tree.set(`${broken}/status`, 'Full');
		source.read(second);
		expect(source.read(second)).toMatchObject({ measured_uj: 12_000_000, marked: [] });
	});

	test('alone it is no source while it discharges and reads what cannot be', () => {
		const tree = makeTree();
		const folder = addBattery(tree, 'BAT0', { status: 'Discharging', current_now: 1_000_000, voltage_now: 0 });
		expect(() => probeMeter(tree)).toThrow(/BAT0 reads 0 µW/);
		tree.set(`${folder}/voltage_now`, 11_000_000);
		expect(probeMeter(tree).kind).toBe('meter');
	});

	test('current times voltage; drivers that give outflow a minus', () => {
		const tree = makeTree();
		addBattery(tree, 'BAT1', { status: 'Discharging', current_now: -1_500_000, voltage_now: 12_000_000 });
		expect(probeMeter(tree).read(second).measured_uj).toBe(18_000_000);
	});

	test('on mains it is no source, and a mouse never is', () => {
		const tree = makeTree();
		addBattery(tree, 'BAT0', { status: 'Full', power_now: 0 });
		expect(() => probeMeter(tree)).toThrow(/BAT0 is not discharging \(Full\)/);
		const mouse = makeTree();
		addBattery(mouse, 'hidpp_battery_0', { status: 'Discharging', scope: 'Device', power_now: 1 });
		expect(() => probeMeter(mouse)).toThrow(/no power meter in .* and no battery/);
	});

	test("the kernel's hwmon twin of a battery is not an unknown chip", () => {
		const tree = makeTree();
		addBattery(tree, 'BAT0', { status: 'Charging', power_now: 5 });
		addChip(tree, 0, 'BAT0', { power1_input: 5 });
		expect(() => probeMeter(tree, true)).toThrow(/not discharging/);
	});
});
