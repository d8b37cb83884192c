import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { BlockDevices, devText, splitDev } from '../../src/system/block-devices.ts';

let root: string;

beforeEach(() => {
	root = mkdtempSync(join(tmpdir(), 'wattlag-sys-'));
	mkdirSync(join(root, 'dev/block'), { recursive: true });
});

afterEach(() => rmSync(root, { recursive: true }));

/** The kernel's number. */
const dev = (major: number, minor: number): number => ((major << 20) | minor) >>> 0;

function plug(number: string, name: string, inflight = '0 0', iostats = '1'): void {
	const directory = join(root, 'devices/block', name);
	mkdirSync(join(directory, 'queue'), { recursive: true });
	writeFileSync(join(directory, 'inflight'), `       ${inflight}\n`);
	writeFileSync(join(directory, 'queue/iostats'), `${iostats}\n`);
	symlinkSync(`../../devices/block/${name}`, join(root, 'dev/block', number));
}

test('kernel device numbers, large majors included', () => {
	expect(splitDev(dev(254, 16))).toEqual({ major: 254, minor: 16 });
	expect(splitDev(dev(4095, 1_048_575))).toEqual({ major: 4095, minor: 1_048_575 });
	expect(devText(dev(8, 0))).toBe('8:0');
});

test('names come from sysfs', () => {
	plug('254:0', 'vda');
	plug('104:0', 'cciss!c0d0');
	const devices = new BlockDevices(root);
	expect(devices.name(dev(254, 0))).toBe('vda');
	expect(devices.name(dev(104, 0))).toBe('cciss/c0d0');
	expect(devices.name(dev(9, 9))).toBe('9:9');
	expect(devices.name(0)).toBe('none');
});

test('a device that went away keeps its name, a new one of its number gets its own', () => {
	plug('8:0', 'sda');
	const devices = new BlockDevices(root);
	expect(devices.name(dev(8, 0))).toBe('sda');
	expect(devices.isGone(dev(8, 0))).toBe(false);
	rmSync(join(root, 'dev/block/8:0'));
	expect(devices.name(dev(8, 0))).toBe('sda');
	expect(devices.isGone(dev(8, 0))).toBe(true);
	// one that sysfs never had (a path below a multipath disk) has not gone
	expect(devices.isGone(dev(259, 7))).toBe(false);
	plug('8:0', 'sdb');
	expect(devices.name(dev(8, 0))).toBe('sdb');
});

test('a hostile name is inert', () => {
	plug('8:16', 'sd\u001b[31m');
	expect(new BlockDevices(root).name(dev(8, 16))).toBe('sd^[[31m');
});

test('requests in flight: the kernel’s count, nothing for a device that is gone, unknown without accounting', () => {
	plug('8:0', 'sda', '3        4');
	plug('8:16', 'sdb', '0        0', '0');
	const devices = new BlockDevices(root);
	expect(devices.inFlight(dev(8, 0))).toBe(7);
	expect(devices.inFlight(dev(8, 16))).toBeUndefined();
	expect(devices.inFlight(dev(8, 32))).toBe(0);
});

test('devices by name, path or partition; there is none of another name', () => {
	for (const [name, number] of Object.entries({ vda: '254:0', vda2: '254:2', 'cciss!c0d0': '104:0' })) {
		mkdirSync(join(root, 'class/block', name), { recursive: true });
		writeFileSync(join(root, 'class/block', name, 'dev'), `${number}\n`);
	}
	const devices = new BlockDevices(root);
	expect(devices.numberOf('vda')).toBe(dev(254, 0));
	expect(devices.numberOf('vda2')).toBe(dev(254, 2));
	expect(devices.numberOf('cciss/c0d0')).toBe(dev(104, 0));
	expect(devices.numberOf('vdb')).toBeUndefined();
	expect(devices.numberOf('/dev/no such')).toBeUndefined();
});

test('a partition lies on a disk, in sectors; a disk lies on none', () => {
	plug('254:0', 'vda');
	plug('254:2', 'vda/vda2');
	writeFileSync(join(root, 'devices/block/vda/size'), '9000\n');
	for (const [file, text] of Object.entries({ start: '2048', size: '4096' }))
		writeFileSync(join(root, 'devices/block/vda/vda2', file), `${text}\n`);
	mkdirSync(join(root, 'class/block/vda'), { recursive: true });
	writeFileSync(join(root, 'class/block/vda/dev'), '254:0\n');
	const devices = new BlockDevices(root);
	expect(devices.partitionOf(dev(254, 2))).toEqual({ disk: dev(254, 0), sector: 2048, sectors: 4096 });
	expect(devices.partitionOf(dev(254, 0))).toBeUndefined();
	expect(devices.partitionOf(dev(9, 9))).toBeUndefined();
});

test('stacked: on other devices, or on a file', () => {
	plug('254:0', 'vda');
	plug('253:0', 'dm-0');
	plug('7:0', 'loop0');
	const below = (name: string, folder: string) =>
		mkdirSync(join(root, 'devices/block', name, folder), { recursive: true });
	below('vda', 'slaves');
	below('dm-0', 'slaves/vda');
	below('loop0', 'slaves');
	below('loop0', 'loop/backing_file');
	const devices = new BlockDevices(root);
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
		mkdirSync(join(root, 'devices/block', name, 'slaves'));
	}
	mkdirSync(join(root, 'devices/block/dm-0/slaves/vda'));
	mkdirSync(join(root, 'devices/block/loop0/loop'));
	writeFileSync(join(root, 'devices/block/loop0/loop/backing_file'), '/image\n');
	const devices = new BlockDevices(root);
	const all = () => [dev(253, 0), dev(252, 0), dev(7, 0)].map((number) => devices.isStacked(number));
	expect(all()).toEqual([true, false, true]);
	rmSync(join(root, 'dev/block/253:0'));
	expect(all()).toEqual([true, false, true]);
	expect(devices.isStacked(dev(9, 9))).toBe(false);
});

test('hardware queues are counted; without any there is one', () => {
	plug('254:0', 'vda');
	const devices = new BlockDevices(root);
	expect(devices.hardwareQueues(dev(254, 0))).toBe(1);
	for (const queue of ['0', '1', '2']) mkdirSync(join(root, 'devices/block/vda/mq', queue), { recursive: true });
	expect(devices.hardwareQueues(dev(254, 0))).toBe(3);
});
