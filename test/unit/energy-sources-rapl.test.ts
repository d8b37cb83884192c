import { describe, expect, test } from 'vitest';
import { BECOME_ROOT, Unavailable } from '../../src/core/errors.ts';
import { probeRapl } from '../../src/tracers/energy/sources/rapl.ts';
import {
	addZone,
	asNobody,
	makeTree,
	second,
	setEnergy,
	setVendor,
	type Tree,
	usualRange,
	zonePath,
} from './energy-fixtures.ts';

/** A laptop: one package, its cores and graphics, DRAM, and the platform beside it. */
function laptop(): Tree {
	const tree = makeTree();
	setVendor(tree, 'GenuineIntel');
	addZone(tree, 'intel-rapl:0', 'package-0', 1_000_000);
	addZone(tree, 'intel-rapl:0:0', 'core', 500_000);
	addZone(tree, 'intel-rapl:0:1', 'uncore', 100_000);
	addZone(tree, 'intel-rapl:0:2', 'dram', 200_000);
	addZone(tree, 'intel-rapl:1', 'psys', 3_000_000);
	return tree;
}

function server(): Tree {
	const tree = makeTree();
	for (const socket of [0, 1]) {
		addZone(tree, `intel-rapl:${socket}`, `package-${socket}`, 1000);
		addZone(tree, `intel-rapl:${socket}:0`, 'dram', 1000);
	}
	return tree;
}

function refusal(run: () => unknown): Unavailable {
	try {
		run();
	} catch (error) {
		expect(error).toBeInstanceOf(Unavailable);
		return error as Unavailable;
	}
	throw new Error('should have been refused');
}

describe('what counts', () => {
	test('package and DRAM are the total; psys, core and uncore are shown only', () => {
		const tree = laptop();
		const source = probeRapl(tree);
		setEnergy(tree, 'intel-rapl:0', 1_010_000);
		setEnergy(tree, 'intel-rapl:0:0', 507_000);
		setEnergy(tree, 'intel-rapl:0:1', 100_500);
		setEnergy(tree, 'intel-rapl:0:2', 202_000);
		setEnergy(tree, 'intel-rapl:1', 3_020_000);
		const reading = source.read(second);
		expect(reading).toEqual({
			measured_uj: 12_000,
			domain_uj: [10_000, 7000, 500, 2000, 20_000],
			package_uj: new Map([[0, 12_000]]),
			marked: [],
			silent: false,
		});
		expect(source.domains.map(({ name, level, package: number, counted }) => [name, level, number, counted])).toEqual([
			['package-0', 'package', 0, true],
			['package-0 core', 'core', 0, false],
			['package-0 uncore', 'uncore', 0, false],
			['package-0 dram', 'dram', 0, true],
			['psys', 'psys', null, false],
		]);
		expect(source).toMatchObject({ kind: 'rapl', scope: 'CPU packages + DRAM', percent: 5 });
		expect(source.uncertainty).toMatch(/^±5 % .*measures itself/);
		expect(source.hooks[0]).toBe(`${tree.sysRoot}/class/powercap/intel-rapl:0/energy_uj`);
	});

	test('two sockets are two packages', () => {
		const tree = server();
		const source = probeRapl(tree);
		setEnergy(tree, 'intel-rapl:0', 1100);
		setEnergy(tree, 'intel-rapl:0:0', 1010);
		setEnergy(tree, 'intel-rapl:1', 1200);
		setEnergy(tree, 'intel-rapl:1:0', 1020);
		const reading = source.read(second);
		expect(reading.package_uj).toEqual(
			new Map([
				[0, 110],
				[1, 220],
			]),
		);
		expect(reading.measured_uj).toBe(330);
	});

	test('the dies of a package are added to it', () => {
		const tree = makeTree();
		for (const die of [0, 1]) addZone(tree, `intel-rapl:${die}`, `package-1-die-${die}`, 0);
		const source = probeRapl(tree);
		setEnergy(tree, 'intel-rapl:0', 300);
		setEnergy(tree, 'intel-rapl:1', 400);
		expect(source.domains.map(({ name }) => name)).toEqual(['package-1-die-0', 'package-1-die-1']);
		expect(source.read(second).package_uj).toEqual(new Map([[1, 700]]));
	});

	test.each(['intel-rapl', 'amd-rapl'])('AMD, which has no DRAM counter, under %s', (control) => {
		const tree = makeTree();
		setVendor(tree, 'AuthenticAMD');
		addZone(tree, `${control}:0`, 'package-0', 0);
		addZone(tree, `${control}:0:0`, 'core', 0);
		const source = probeRapl(tree);
		setEnergy(tree, `${control}:0`, 900);
		setEnergy(tree, `${control}:0:0`, 300);
		expect(source.read(second).measured_uj).toBe(900);
		expect(source).toMatchObject({ scope: 'CPU packages', percent: 10 });
		expect(source.uncertainty).toMatch(/estimates/);
	});

	test('the same package behind a second interface is read once', () => {
		const tree = server();
		addZone(tree, 'intel-rapl-mmio:0', 'package-0', 1000);
		addZone(tree, 'intel-rapl-mmio:1', 'package-1', 1000);
		const source = probeRapl(tree);
		expect(source.domains).toHaveLength(4);
		for (const zone of ['intel-rapl:0', 'intel-rapl:1', 'intel-rapl-mmio:0', 'intel-rapl-mmio:1'])
			setEnergy(tree, zone, 1500);
		expect(source.read(second).measured_uj).toBe(1000);
	});

	test('the second interface serves when the first cannot be read', () => {
		const tree = makeTree();
		addZone(tree, 'intel-rapl:0', 'package-0', 'garbage');
		addZone(tree, 'intel-rapl-mmio:0', 'package-0', 1000);
		const source = probeRapl(tree);
		setEnergy(tree, 'intel-rapl-mmio:0', 1700);
		expect(source.read(second)).toMatchObject({ measured_uj: 700, marked: [] });
	});

	test('hostile names are inert', () => {
		const tree = laptop();
		addZone(tree, 'intel-rapl:2', 'fan\u001b[31m', 0);
		const names = probeRapl(tree).domains.map(({ name }) => name);
		expect(names).toContain('fan^[[31m');
	});
});

describe('what goes wrong between two reads', () => {
	test('a wrap is handled and marked', () => {
		const tree = makeTree();
		addZone(tree, 'intel-rapl:0', 'package-0', usualRange - 1000n);
		const source = probeRapl(tree);
		setEnergy(tree, 'intel-rapl:0', 500);
		expect(source.read(second)).toMatchObject({ measured_uj: 1500, marked: ['package-0: counter wrapped (handled)'] });
	});

	test('a reset charges nothing, and the interval says so', () => {
		const tree = makeTree();
		addZone(tree, 'intel-rapl:0', 'package-0', usualRange / 2n);
		const source = probeRapl(tree);
		setEnergy(tree, 'intel-rapl:0', 500);
		expect(source.read(second)).toMatchObject({
			measured_uj: 0,
			silent: true,
			domain_uj: [null],
			marked: ['package-0: counter was reset'],
		});
		setEnergy(tree, 'intel-rapl:0', 700);
		expect(source.read(second)).toMatchObject({ measured_uj: 200, silent: false, marked: [] });
	});

	test.each([null, '0', 'garbage'])('with a maximum of %s, going back charges nothing', (range) => {
		const tree = makeTree();
		addZone(tree, 'intel-rapl:0', 'package-0', usualRange - 1000n, range);
		const source = probeRapl(tree);
		setEnergy(tree, 'intel-rapl:0', 500);
		expect(source.read(second)).toMatchObject({
			measured_uj: 0,
			silent: true,
			marked: [expect.stringMatching(/went back/)],
		});
	});

	test('garbage in one package is named, and the other counts', () => {
		const tree = server();
		const source = probeRapl(tree);
		setEnergy(tree, 'intel-rapl:0', 'nonsense\u001b]0;x');
		setEnergy(tree, 'intel-rapl:1', 1200);
		const reading = source.read(second);
		expect(reading).toMatchObject({
			measured_uj: 200,
			silent: false,
			package_uj: new Map([
				[0, 0],
				[1, 200],
			]),
		});
		expect(reading.marked).toEqual(['package-0: reads "nonsense^[]0;x", which is no counter']);
	});

	test('a package that is unplugged and comes back', () => {
		const tree = server();
		const source = probeRapl(tree);
		tree.remove(zonePath('intel-rapl:1'));
		setEnergy(tree, 'intel-rapl:0', 1300);
		const gone = source.read(second);
		expect(gone).toMatchObject({ measured_uj: 300, domain_uj: [300, 0, null, null] });
		expect(gone.marked).toContain('package-1: gone (unplugged or taken offline)');
		tree.set(`${zonePath('intel-rapl:1')}/energy_uj`, 9000);
		setEnergy(tree, 'intel-rapl:0', 1400);
		expect(source.read(second).marked).toContain('package-1: readable again: counts from here');
		setEnergy(tree, 'intel-rapl:1', 9050);
		setEnergy(tree, 'intel-rapl:0', 1500);
		expect(source.read(second).domain_uj).toEqual([100, 0, 50, null]);
	});

	test('values beyond 2^53 lose nothing; beyond 2^64 they are garbage', () => {
		const tree = makeTree();
		addZone(tree, 'intel-rapl:0', 'package-0', 2n ** 64n - 10n, 2n ** 64n - 1n);
		const source = probeRapl(tree);
		setEnergy(tree, 'intel-rapl:0', 2n ** 64n - 3n);
		expect(source.read(second).measured_uj).toBe(7);
		setEnergy(tree, 'intel-rapl:0', 2n ** 64n);
		expect(source.read(second).marked).toEqual([expect.stringMatching(/no counter/)]);
	});
});

describe('why there is none', () => {
	test('no powercap at all', () => {
		const error = refusal(() => probeRapl(makeTree()));
		expect(error.message).toMatch(/no RAPL zone in .*class\/powercap: usual in virtual machines/);
		expect(error.fix).toMatch(/modprobe/);
	});

	// tests may run as root, whom no permission stops: the probe runs under another effective user
	test('counters that only root may read', () => {
		const tree = laptop();
		for (const zone of ['intel-rapl:0', 'intel-rapl:0:0', 'intel-rapl:0:1', 'intel-rapl:0:2', 'intel-rapl:1']) {
			tree.forbid(`${zonePath(zone)}/energy_uj`);
		}
		const error = refusal(() => asNobody(() => probeRapl(tree)));
		expect(error.message).toMatch(/intel-rapl:0\/energy_uj is readable by root only$/);
		expect(error.fix).toBe(BECOME_ROOT);
	});

	test('one package forbidden: the other counts, every interval names the missing one', () => {
		const tree = server();
		tree.forbid(`${zonePath('intel-rapl:1')}/energy_uj`);
		const source = asNobody(() => probeRapl(tree));
		setEnergy(tree, 'intel-rapl:0', 1300);
		const reading = asNobody(() => source.read(second));
		expect(reading.measured_uj).toBe(300);
		expect(reading.marked).toEqual(['package-1: readable by root only']);
	});

	test('garbage in the only package', () => {
		const tree = makeTree();
		addZone(tree, 'intel-rapl:0', 'package-0', '-12');
		expect(refusal(() => probeRapl(tree)).message).toBe('package-0: energy_uj reads "-12", which is no counter');
	});

	test('a platform counter alone', () => {
		const tree = makeTree();
		addZone(tree, 'intel-rapl:0', 'psys', 1);
		expect(refusal(() => probeRapl(tree)).message).toMatch(/no package counter here, only psys/);
	});

	test('zones that a container hides', () => {
		const tree = laptop();
		tree.remove('sys/devices/virtual');
		expect(refusal(() => probeRapl(tree))).toMatchObject({
			message: expect.stringMatching(/hidden here, as containers do/),
			fix: expect.stringMatching(/host/),
		});
	});
});
