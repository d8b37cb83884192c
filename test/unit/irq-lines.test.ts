/** Devices and affinities of interrupt lines from invented trees, and the options of the interrupt tab. */
import { expect, test } from 'vitest';
import { safe } from '../../src/lib/sanitize.ts';
import { Lines } from '../../src/tracers/irq/lines.ts';
import { invalidZones, zonesNs } from '../../src/tracers/irq/options.ts';
import { isStorm } from '../../src/tracers/irq/rows.ts';
import { treePerTest } from '../lib/tree.ts';

const tree = treePerTest();
const file = (path: string, text = '') => tree.set(path, text);
const lines = (): Lines => {
	const made = new Lines(tree.path('proc'), tree.path('sys'));
	made.tick();
	return made;
};

test('a network card behind an MSI line, with both affinities', () => {
	file('sys/bus/pci/devices/0000:00:1f.6/msi_irqs/125', 'msi\n');
	file('sys/bus/pci/devices/0000:00:1f.6/net/enp0s31f6/address');
	file('proc/irq/125/smp_affinity_list', '0-7\n');
	file('proc/irq/125/effective_affinity_list', '3\n');
	expect(lines().facts(125, 'enp0s31f6-rx-0')).toEqual({
		device: 'enp0s31f6',
		affinity: '0-7',
		effective_affinity: '3',
	});
});

test('virtio: the disk, else the driver', () => {
	file('sys/bus/virtio/devices/virtio1/block/vda/size', '1');
	tree.folder('sys/bus/virtio/devices/virtio4');
	tree.link('sys/bus/virtio/devices/virtio4/driver', '../../../virtio/drivers/virtio_rng');
	const { device } = lines().facts(36, 'virtio1-req.0');
	expect(device).toBe('vda');
	expect(lines().facts(34, 'virtio4-input').device).toBe('virtio4 virtio_rng');
});

test('a legacy line by its PCI device, a line of no device by its chip, an unknown one not at all', () => {
	file('sys/bus/pci/devices/0000:00:1d.0/irq', '16\n');
	file('sys/kernel/irq/26/chip_name', 'IO-APIC\n');
	file('sys/kernel/irq/26/hwirq', '4\n');
	const found = lines();
	expect(found.facts(16, 'ehci_hcd').device).toBe('0000:00:1d.0');
	expect(found.facts(26, 'ttyS0').device).toBe('IO-APIC 4');
	expect(found.facts(99, 'x')).toEqual({ device: null, affinity: null, effective_affinity: null });
});

test('a changed affinity is seen in the next interval', () => {
	file('proc/irq/5/smp_affinity_list', '0-1\n');
	const found = lines();
	expect(found.facts(5, 'x').affinity).toBe('0-1');
	file('proc/irq/5/smp_affinity_list', '1\n');
	found.tick();
	expect(found.facts(5, 'x').affinity).toBe('1');
});

test('of many lines, each has its turn', () => {
	const found = new Lines(tree.path('proc'), tree.path('sys'));
	const numbers = Array.from({ length: 40 }, (_, n) => n);
	for (const n of numbers) file(`proc/irq/${n}/smp_affinity_list`, '0\n');
	for (const n of numbers) found.facts(n, 'x');
	for (const n of numbers) file(`proc/irq/${n}/smp_affinity_list`, '1\n');
	for (let interval = 0; interval < 10; interval++) {
		found.tick();
		for (const n of numbers) found.facts(n, 'x');
	}
	expect(numbers.map((n) => found.facts(n, 'x').affinity)).toEqual(numbers.map(() => '1'));
});

test('names with control characters are made inert', () => {
	file('sys/bus/pci/devices/0000:00:02.0/msi_irqs/7');
	file('sys/bus/pci/devices/0000:00:02.0/net/e\x1bth/x');
	expect(lines().facts(7, 'x').device).toBe('e^[th');
});

test('zones: three ascending times in µs', () => {
	expect(invalidZones('10,100,1000')).toBeUndefined();
	expect(zonesNs('0.5,100,1000')).toEqual([500, 100_000, 1_000_000]);
	for (const wrong of ['', '1,2', '1,2,3,4', '3,2,1', '0,1,2', '1,1,2', 'a,b,c', '1,,3', '1,2,1e12'])
		expect(invalidZones(wrong), wrong).toMatch(/three ascending/);
});

test('a storm is too many or too long', () => {
	const bounds = { rate: 20_000, share: 0.25 };
	expect(isStorm(40_000, 0, 2e9, bounds)).toBe(true);
	expect(isStorm(39_999, 0, 2e9, bounds)).toBe(false);
	expect(isStorm(1, 0.5e9, 2e9, bounds)).toBe(true);
	expect(isStorm(1, 0.49e9, 2e9, bounds)).toBe(false);
	expect(isStorm(0, 0, 0, bounds)).toBe(false);
});

test('IPIs of arm64 by their names in /proc/interrupts', () => {
	for (const line of [10, 2, 3]) tree.set(`sys/kernel/irq/${line}/actions`, line === 10 ? 'arch_timer\n' : 'IPI\n');
	tree.set(
		'proc/interrupts',
		'           CPU0       CPU1\n 10:   5   6   GICv3  26 Level     arch_timer\nIPI0:      1234       5678       Rescheduling interrupts\nIPI1:         1          2       Function call interrupts\n',
	);
	const lines = new Lines(tree.path('proc'), tree.path('sys'));
	const ipi = safe`IPI`;
	expect([2, 3, 9].map((irq) => lines.nameOf(irq, ipi))).toEqual([
		'IPI0 Rescheduling interrupts',
		'IPI1 Function call interrupts',
		'IPI',
	]);
	expect(lines.nameOf(10, safe`arch_timer`)).toBe('arch_timer');
});
