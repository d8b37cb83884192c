/** Parts of the machine from FIXTURES and made-up domains: no figure here was measured. */
import { describe, expect, test } from 'vitest';
import { safe } from '../../src/lib/sanitize.ts';
import { type Beside, bytesMoved, MachineParts, partsOf, totalOf } from '../../src/tracers/energy/machine-parts.ts';
import type { DomainEnergy } from '../../src/tracers/energy/power/power.ts';
import type { Level } from '../../src/tracers/energy/sources/source.ts';
import { generator } from '../lib/random.ts';
import { treePerTest } from '../lib/tree.ts';

const tree = treePerTest();

function setTraffic(read: number, written: number, bytes: number): void {
	const disk = (name: string): string => `254 0 ${name} 9 0 ${read} 1 9 0 ${written} 1 0 0 0`;
	tree.set('proc/diskstats', `${['vda', 'vda1', 'dm-0', 'loop0'].map(disk).join('\n')}\n`);
	const line = (name: string): string => `  ${name}: ${bytes} 1 0 0 0 0 0 0 ${bytes} 1 0 0 0 0 0 0`;
	tree.set('proc/net/dev', `Inter-| Receive\n face |bytes\n${['lo', 'eth0', 'docker0'].map(line).join('\n')}\n`);
}

function hardware(): { procRoot: string; sysRoot: string } {
	tree.folder('sys/block/vda/slaves');
	tree.folder('sys/block/dm-0/slaves/vda');
	tree.folder('sys/block/loop0/slaves');
	tree.folder('sys/class/net/eth0/device');
	tree.folder('sys/class/net/docker0');
	return { procRoot: tree.path('proc'), sysRoot: tree.path('sys') };
}

describe('disks and network by coefficients', () => {
	test('bytes of hardware only: no partition, nothing stacked, no virtual interface', () => {
		setTraffic(1000, 2000, 500);
		const { procRoot, sysRoot } = hardware();
		expect(bytesMoved(procRoot, sysRoot)).toEqual({ read: 512_000, written: 1_024_000, network: 1000 });
	});

	test('J per GB × bytes of the interval, beside the CPUs', () => {
		const roots = hardware();
		setTraffic(0, 0, 0);
		const parts = new MachineParts(roots, { 'disk-read-j': 4, 'network-j': 10 });
		// 2 GB read, 1 GB over the network
		setTraffic(2e9 / 512, 1e6, 0.5e9);
		const { machine, bill } = parts.read(1, { measured_uj: 5e6, scope: safe`CPUs`, domains: [], gpus: [] });
		expect(machine.parts.map(({ name, from, energy_uj }) => [name, from, energy_uj])).toEqual([
			['CPUs', 'model', 5e6],
			['disk reads', 'coefficient', 8e6],
			['network', 'coefficient', 10e6],
		]);
		expect(machine.total_uj).toBe(23e6);
		expect(bill).toBeNull();
	});

	test('off without coefficients', () => {
		setTraffic(0, 0, 0);
		const parts = new MachineParts(hardware(), {});
		setTraffic(1e6, 1e6, 1e6);
		const { machine } = parts.read(1, { measured_uj: 1, scope: safe`CPUs`, domains: [], gpus: [] });
		expect(machine.parts).toHaveLength(1);
	});
});

test('cost and CO2 of a kWh, since start and per day', () => {
	const parts = new MachineParts(hardware(), { price: 0.3, co2: 400 });
	// 100 W for an hour
	const { bill } = parts.read(3600, { measured_uj: 100 * 3600 * 1e6, scope: safe`CPUs`, domains: [], gpus: [] });
	expect(bill?.kwh).toBeCloseTo(0.1, 9);
	expect(bill?.kwh_per_day).toBeCloseTo(2.4, 9);
	expect(bill?.price_per_day).toBeCloseTo(0.72, 9);
	expect(bill?.co2_g).toBeCloseTo(40, 9);
});

test('conservation: the counted parts add up to the source, GPUs and estimates; nested domains are never added', () => {
	const random = generator(7);
	const levels: Level[] = ['package', 'dram', 'core', 'uncore', 'psys', 'machine', 'other'];
	for (let round = 0; round < 500; round++) {
		const whole = random() < 0.3;
		const domains = Array.from({ length: 1 + Math.floor(random() * 8) }, (_, index): DomainEnergy => {
			const level = whole && index === 0 ? 'machine' : (levels[Math.floor(random() * 4)] as Level);
			// of nested ones the source counts one only
			const counted = whole ? index === 0 : level === 'package' || level === 'dram';
			const energy_uj = random() < 0.1 ? null : Math.floor(random() * 1e7);
			return { name: safe`domain ${index}`, package: 0, level, counted, energy_uj };
		});
		const measured_uj = domains.reduce((sum, one) => sum + (one.counted ? (one.energy_uj ?? 0) : 0), 0);
		const gpus = Array.from({ length: Math.floor(random() * 3) }, (_, index) => ({
			name: safe`gpu ${index}`,
			energy_uj: random() < 0.2 ? null : Math.floor(random() * 1e7),
		}));
		const estimated: Beside[] =
			random() < 0.5
				? [{ name: safe`network`, energy_uj: Math.floor(random() * 1e6), by: 'network', from: 'coefficient' }]
				: [];
		const parts = partsOf({ measured_uj, scope: safe`all`, domains, gpus }, estimated);
		expect(parts).toHaveLength(domains.length + gpus.length + estimated.length + (whole ? 1 : 0));
		const beside = [...gpus, ...estimated].reduce((sum, one) => sum + (one.energy_uj ?? 0), 0);
		const counted = domains.some((one) => one.counted && one.energy_uj !== null);
		// a meter of the whole machine contains all the others
		const expected = whole ? measured_uj : measured_uj + beside;
		if (counted || (!whole && beside > 0)) expect(totalOf(parts)).toBe(expected);
		if (!whole) continue;
		expect(parts.filter((one) => one.counted)).toHaveLength(1);
		// what is known of the inside, and the rest, are the whole
		const rest = parts.at(-1)?.energy_uj;
		const inside =
			beside + domains.reduce((sum, one) => sum + (/package|dram/.test(one.level) ? (one.energy_uj ?? 0) : 0), 0);
		if (domains[0]?.energy_uj === null) expect(rest).toBeNull();
		else expect(rest).toBe(Math.max(0, measured_uj - inside));
	}
});
