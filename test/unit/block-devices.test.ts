import { beforeEach, expect, test } from 'vitest';
import { BlockDevices, devText, splitDev } from '../../src/system/block-devices.ts';
import { treePerTest } from '../lib/tree.ts';

const tree = treePerTest();

beforeEach(() => {
	tree.folder('dev/block');
});

/** The kernel's number. */
const dev = (major: number, minor: number): number => ((major << 20) | minor) >>> 0;

function plug(number: string, name: string, inflight = '0 0', iostats = '1'): void {
	tree.set(`devices/block/${name}/inflight`, `       ${inflight}\n`);
	tree.set(`devices/block/${name}/queue/iostats`, `${iostats}\n`);
	tree.link(`dev/block/${number}`, `../../devices/block/${name}`);
}

test('kernel device numbers, large majors included', () => {
	expect(splitDev(dev(254, 16))).toEqual({ major: 254, minor: 16 });
	expect(splitDev(dev(4095, 1_048_575))).toEqual({ major: 4095, minor: 1_048_575 });
	expect(devText(dev(8, 0))).toBe('8:0');
});

test('names come from sysfs', () => {
	plug('254:0', 'vda');
	plug('104:0', 'cciss!c0d0');
	const devices = new BlockDevices(tree.root);
	expect(devices.name(dev(254, 0))).toBe('vda');
	expect(devices.name(dev(104, 0))).toBe('cciss/c0d0');
	expect(devices.name(dev(9, 9))).toBe('9:9');
	expect(devices.name(0)).toBe('none');
});

test('a device that went away keeps its name, a new one of its number gets its own', () => {
	plug('8:0', 'sda');
	const devices = new BlockDevices(tree.root);
	expect(devices.name(dev(8, 0))).toBe('sda');
	expect(devices.isGone(dev(8, 0))).toBe(false);
	tree.remove('dev/block/8:0');
	expect(devices.name(dev(8, 0))).toBe('sda');
	expect(devices.isGone(dev(8, 0))).toBe(true);
	// one that sysfs never had (a path below a multipath disk) has not gone
	expect(devices.isGone(dev(259, 7))).toBe(false);
	plug('8:0', 'sdb');
	expect(devices.name(dev(8, 0))).toBe('sdb');
});

test('answers are kept until the next event of any device', () => {
	plug('8:0', 'sda');
	tree.set('kernel/uevent_seqnum', '100\n');
	const devices = new BlockDevices(tree.root);
	devices.begin();
	expect(devices.name(dev(8, 0))).toBe('sda');
	expect([devices.isGone(dev(8, 0)), devices.isStacked(dev(8, 0))]).toEqual([false, false]);
	tree.remove('dev/block/8:0');
	plug('8:0', 'sdb');
	devices.begin();
	expect(devices.name(dev(8, 0))).toBe('sda');
	tree.set('kernel/uevent_seqnum', '101\n');
	devices.begin();
	expect(devices.name(dev(8, 0))).toBe('sdb');
	// without a number of events nothing is kept
	tree.remove('kernel/uevent_seqnum');
	devices.begin();
	tree.remove('dev/block/8:0');
	plug('8:0', 'sdc');
	expect(devices.name(dev(8, 0))).toBe('sdc');
});

test('a hostile name is inert', () => {
	plug('8:16', 'sd\u001b[31m');
	expect(new BlockDevices(tree.root).name(dev(8, 16))).toBe('sd^[[31m');
});

test('requests in flight: the kernel’s count, nothing for a device that is gone, unknown without accounting', () => {
	plug('8:0', 'sda', '3        4');
	plug('8:16', 'sdb', '0        0', '0');
	const devices = new BlockDevices(tree.root);
	expect(devices.inFlight(dev(8, 0))).toBe(7);
	expect(devices.inFlight(dev(8, 16))).toBeUndefined();
	expect(devices.inFlight(dev(8, 32))).toBe(0);
});

test('devices by name, path or partition; there is none of another name', () => {
	for (const [name, number] of Object.entries({ vda: '254:0', vda2: '254:2', 'cciss!c0d0': '104:0' })) {
		tree.folder(`class/block/${name}`);
		tree.set(`class/block/${name}/dev`, `${number}\n`);
	}
	const devices = new BlockDevices(tree.root);
	expect(devices.numberOf('vda')).toBe(dev(254, 0));
	expect(devices.numberOf('vda2')).toBe(dev(254, 2));
	expect(devices.numberOf('cciss/c0d0')).toBe(dev(104, 0));
	expect(devices.numberOf('vdb')).toBeUndefined();
	expect(devices.numberOf('/dev/no such')).toBeUndefined();
});

test('a partition lies on a disk, in sectors; a disk lies on none', () => {
	plug('254:0', 'vda');
	plug('254:2', 'vda/vda2');
	tree.set('devices/block/vda/size', '9000\n');
	for (const [file, text] of Object.entries({ start: '2048', size: '4096' }))
		tree.set(`devices/block/vda/vda2/${file}`, `${text}\n`);
	tree.folder('class/block/vda');
	tree.set('class/block/vda/dev', '254:0\n');
	const devices = new BlockDevices(tree.root);
	expect(devices.partitionOf(dev(254, 2))).toEqual({ disk: dev(254, 0), sector: 2048, sectors: 4096 });
	expect(devices.partitionOf(dev(254, 0))).toBeUndefined();
	expect(devices.partitionOf(dev(9, 9))).toBeUndefined();
});

test('stacked: on other devices, or on a file', () => {
	plug('254:0', 'vda');
	plug('253:0', 'dm-0');
	plug('7:0', 'loop0');
	const below = (name: string, folder: string) => tree.folder(`devices/block/${name}/${folder}`);
	below('vda', 'slaves');
	below('dm-0', 'slaves/vda');
	below('loop0', 'slaves');
	below('loop0', 'loop/backing_file');
	const devices = new BlockDevices(tree.root);
	expect([dev(254, 0), dev(253, 0), dev(7, 0), dev(9, 9)].map((one) => devices.isStacked(one))).toEqual([
		false,
		true,
		true,
		false,
	]);
});

test('stacked: with slaves, or a file; a device that has gone stays what it was', () => {
	for (const [number, name] of [
		['253:0', 'dm-0'],
		['252:0', 'zram0'],
		['7:0', 'loop0'],
	] as const) {
		plug(number, name);
		tree.folder(`devices/block/${name}/slaves`);
	}
	tree.folder('devices/block/dm-0/slaves/vda');
	tree.set('devices/block/loop0/loop/backing_file', '/image\n');
	const devices = new BlockDevices(tree.root);
	const all = () => [dev(253, 0), dev(252, 0), dev(7, 0)].map((number) => devices.isStacked(number));
	expect(all()).toEqual([true, false, true]);
	tree.remove('dev/block/253:0');
	expect(all()).toEqual([true, false, true]);
	expect(devices.isStacked(dev(9, 9))).toBe(false);
});

test('hardware queues are counted; without any there is one', () => {
	plug('254:0', 'vda');
	const devices = new BlockDevices(tree.root);
	expect(devices.hardwareQueues(dev(254, 0))).toBe(1);
	for (const queue of ['0', '1', '2']) tree.folder(`devices/block/vda/mq/${queue}`);
	expect(devices.hardwareQueues(dev(254, 0))).toBe(3);
});
