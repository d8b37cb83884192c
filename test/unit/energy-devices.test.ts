/** Energy of disks and network by process. Trees are FIXTURES: no figure in them was measured. */
import { describe, expect, test } from 'vitest';
import type { Host } from '../../src/core/tracer.ts';
import { safe } from '../../src/lib/sanitize.ts';
import type { ProcessInfo } from '../../src/tracers/energy/cpu/cpu-use.ts';
import { type Moved, openMoves } from '../../src/tracers/energy/devices/moved.ts';
import { Rails } from '../../src/tracers/energy/devices/rails.ts';
import { type Divisor, divide } from '../../src/tracers/energy/devices/shares.ts';
import { MachineParts, partsOf } from '../../src/tracers/energy/machine-parts.ts';
import { generator } from '../lib/random.ts';
import { treePerTest } from '../lib/tree.ts';

const tree = treePerTest();
const second = 1e9;

const process = (pid: number, start = 0): ProcessInfo => ({
	pid,
	start,
	comm: safe`p${pid}`,
	cgroup: safe`/`,
	uid: 0,
	threads: 1,
});

function setIo(pid: number, read: number, written: number): void {
	tree.set(`proc/${pid}/io`, `rchar: 9\nread_bytes: ${read}\nwrite_bytes: ${written}\ncancelled_write_bytes: 0\n`);
}

function setDisk(read: number, written: number): void {
	tree.folder('sys/block/sda/slaves');
	tree.set('proc/diskstats', `8 0 sda 9 0 ${read / 512} 1 9 0 ${written / 512} 1 0 0 0\n`);
	tree.set('proc/net/dev', 'Inter-| Receive\n face |bytes\n');
}

function setChip(number: number, name: string, channels: Record<string, string | number>, device: string): void {
	const folder = `sys/class/hwmon/hwmon${number}`;
	tree.set(`${folder}/name`, `${name}\n`);
	for (const [file, value] of Object.entries(channels)) tree.set(`${folder}/${file}`, `${value}\n`);
	tree.folder(`${folder}/device/${device}`);
}

const roots = () => ({ procRoot: tree.path('proc'), sysRoot: tree.path('sys') });
const host = () => roots() as unknown as Host;

describe('power rails', () => {
	test('of disks, network devices and supplies, by the device of the chip; others may be anything', () => {
		setChip(0, 'lm75', { power1_input: 1_000_000 }, 'i2c');
		setChip(1, 'nvme', { power1_average: 4_000_000 }, 'nvme/nvme0');
		setChip(2, 'mlx5', { power1_input: 11_000_000 }, 'net/eth0');
		setChip(
			3,
			'dps650ab',
			{ power1_input: 90e6, power1_label: 'pin', power2_input: 80e6, power2_label: 'pout1' },
			'i2c',
		);
		setChip(4, 'amdgpu', { power1_average: 7_000_000 }, 'drm');
		const rails = new Rails(tree.path('sys'), []);
		expect(rails.read(second).map(({ kind, energy_uj }) => [kind, energy_uj])).toEqual([
			['disk', 4e6],
			['network', 11e6],
			['psu', 90e6],
		]);
		expect(rails.read(second).map(({ name }) => name)[1]).toBe('network eth0 (hwmon2/power1_input)');
	});

	test('what the source of power reads is no rail; error values and unplugged rails are not known', () => {
		setChip(0, 'nvme', { power1_input: 4_000_000 }, 'nvme/nvme0');
		expect(new Rails(tree.path('sys'), [tree.path('sys/class/hwmon/hwmon0/power1_input')]).has('disk')).toBe(false);
		const rails = new Rails(tree.path('sys'), []);
		tree.set('sys/class/hwmon/hwmon0/power1_input', '4294967295\n');
		expect(rails.read(second)[0]?.energy_uj).toBeNull();
		tree.remove('sys/class/hwmon/hwmon0/power1_input');
		expect(rails.read(second)[0]?.energy_uj).toBeNull();
	});
});

test('a baseboard controller without a driver for its power is named; one with it, or a meter, is not', () => {
	const missing = (taken: string[] = []) => new Rails(tree.path('sys'), taken).missing;
	tree.folder('sys/class/hwmon');
	expect(missing()).toEqual([]);
	tree.folder('sys/class/ipmi/ipmi0');
	expect(missing()).toEqual([expect.stringContaining('baseboard controller (IPMI)')]);
	setChip(0, 'power_meter', { power1_average: 90e6 }, 'acpi');
	expect(missing([tree.path('sys/class/hwmon/hwmon0/power1_average')])).toEqual([]);
	setChip(1, 'dps650ab', { power1_input: 90e6, power1_label: 'pin' }, 'i2c');
	expect(missing()).toEqual([]);
});

describe('bytes of processes', () => {
	test('since the start, of one that begins later all; of one that is not readable none', () => {
		tree.set('proc/uptime', '100.00 0\n');
		setIo(1, 5000, 700);
		const moves = openMoves(host(), { disk: true, network: false });
		setIo(1, 6000, 700);
		setIo(2, 300, 40);
		const [one, two, three] = [process(1), process(2, 101 * second), process(3)];
		expect(moves.read([one, two, three])).toEqual(
			new Map([
				[one, { read: 1000, written: 0, network: 0 }],
				[two, { read: 300, written: 40, network: 0 }],
			]),
		);
		expect(moves.read([one, two])).toEqual(new Map());
	});
});

describe('division', () => {
	test('by bytes; what devices moved beyond the known processes is no one’s', () => {
		const [one, two] = [process(1), process(2)];
		const moved = new Map<ProcessInfo, Moved>([
			[one, { read: 300, written: 0, network: 0 }],
			[two, { read: 100, written: 50, network: 0 }],
		]);
		const got = new Map<number, number>();
		const device = { read: 800, written: 0, network: 0 };
		expect(divide(800, 'read', moved, device, ({ pid }, uj) => got.set(pid, uj))).toBe(400);
		expect([...got]).toEqual([
			[1, 300],
			[2, 100],
		]);
		expect(divide(800, 'network', moved, device, () => {})).toBe(0);
	});

	test('never more than there is, exactly what rows get, over random processes', () => {
		const random = generator(22);
		for (let round = 0; round < 300; round++) {
			const any = (): number => Math.floor(random() * 1e9) * (random() < 0.3 ? 0 : 1);
			const moved = new Map(
				Array.from({ length: Math.floor(random() * 8) }, (_, pid) => [
					process(pid),
					{ read: any(), written: any(), network: any() },
				]),
			);
			const device = { read: any(), written: any(), network: any() };
			const by = (['read', 'written', 'network', 'disk'] as const)[round % 4] as Divisor;
			const energy = Math.floor(random() * 1e8);
			let sum = 0;
			const divided = divide(energy, by, moved, device, (_, uj) => {
				expect(uj).toBeGreaterThanOrEqual(0);
				sum += uj;
			});
			expect(divided).toBe(sum);
			expect(divided).toBeLessThanOrEqual(energy);
		}
	});

	test('coefficients: to whom the bytes were read; at rest to none; a rail instead of a coefficient', () => {
		setDisk(0, 0);
		setIo(1, 0, 0);
		tree.set('proc/uptime', '100.00 0\n');
		const options = { 'disk-read-j': 4, 'disk-w': 2, 'memory-w': 3 };
		const source = { measured_uj: 5e6, scope: safe`CPUs`, domains: [], gpus: [] };
		const parts = (): MachineParts =>
			new MachineParts(roots(), options, {
				rails: new Rails(tree.path('sys'), []),
				moves: openMoves(host(), { disk: true, network: false }),
			});
		const estimated = parts();
		setDisk(2e9, 0);
		setIo(1, 1.5e9, 0);
		const got: number[] = [];
		const { machine } = estimated.read(1, source, [process(1)], (_, uj) => got.push(uj));
		expect(got).toEqual([6e6]);
		expect(machine.parts.map(({ name, energy_uj, processes_uj }) => [name, energy_uj, processes_uj])).toEqual([
			['CPUs', 5e6, null],
			['disk reads', 8e6, 6e6],
			['disks at rest', 2e6, null],
			['memory', 3e6, null],
		]);
		expect(machine.total_uj).toBe(18e6);
		setChip(0, 'nvme', { power1_input: 4_000_000 }, 'nvme/nvme0');
		const measured = parts();
		measured.read(1, source);
		expect(measured.read(1, source).machine.parts.map(({ name }) => name)).toEqual([
			'CPUs',
			'disk nvme (hwmon0/power1_input)',
			'memory',
		]);
	});

	test('a supply is the whole: it alone is counted, and its parts and the rest add up to it', () => {
		const domains = [
			{ name: safe`package-0`, package: 0, level: 'package' as const, counted: true, energy_uj: 20e6 },
			{ name: safe`core`, package: 0, level: 'core' as const, counted: false, energy_uj: 15e6 },
		];
		const parts = partsOf({ measured_uj: 20e6, scope: safe`packages`, domains, gpus: [] }, [
			{ name: safe`disk`, energy_uj: 5e6, by: 'disk', from: 'counter' },
			{ name: safe`supply`, energy_uj: 60e6, by: null, from: 'counter', whole: true },
		]);
		expect(parts.map(({ name, energy_uj, counted }) => [name, energy_uj, counted])).toEqual([
			['package-0', 20e6, false],
			['core', 15e6, false],
			['disk', 5e6, false],
			['supply', 60e6, true],
			['rest of the machine', 35e6, false],
		]);
	});
});
