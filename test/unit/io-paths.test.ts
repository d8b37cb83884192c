/** From the kernel's record of a file to its path, and from stamps to stages. */
import { appendFileSync } from 'node:fs';
import { beforeEach, expect, test } from 'vitest';
import { waterfall } from '../../src/core/stages/figures.ts';
import type { ForeignBytes } from '../../src/lib/decode.ts';
import { FilePaths } from '../../src/tracers/io/file-paths.ts';
import { stagesOf } from '../../src/tracers/io/slow.ts';
import { treePerTest } from '../lib/tree.ts';

const tree = treePerTest();

beforeEach(() => {
	tree.folder('self');
	tree.set(
		'self/mountinfo',
		[
			'22 1 254:0 / / rw - ext4 /dev/vda rw',
			'23 22 254:0 /run/netns /run/netns rw - ext4 /dev/vda rw',
			'24 22 8:1 / /mnt/my\\040disk rw - xfs /dev/sda1 rw',
			'25 22 8:17 /srv/jail /jail rw - ext4 /dev/sdb1 rw',
		].join('\n'),
	);
});

function path(major: number, minor: number, names: string[], whole = 1, cut = 0) {
	const text = (name: string) => ({ text: new TextEncoder().encode(`${name}\0`) as ForeignBytes });
	const id = { inode: 12, dev: (major << 20) | minor, generation: 0 };
	const depth = names.length;
	return new FilePaths(tree.root).path({ id, depth, whole, cut, unused: 0, names: names.map(text) });
}

test('names from the file upwards become a path below the mount', () => {
	expect(path(254, 0, ['b', 'a'])).toBe('/a/b');
	expect(path(8, 1, ['data'])).toBe('/mnt/my disk/data');
	expect(path(8, 17, ['file', 'jail', 'srv'])).toBe('/jail/file');
	// a file system that is mounted elsewhere only
	expect(path(9, 1, ['file'])).toBe('(outside) /file');
});

test('only a part of the file system is mounted: what is not in it is marked', () => {
	expect(path(8, 17, ['file', 'srv'])).toBe('(outside) /srv/file');
	expect(path(8, 17, ['file', 'jailbird', 'srv'])).toBe('(outside) /srv/jailbird/file');
	expect(path(8, 17, ['jail', 'srv'])).toBe('/jail');
});

test('a mount that a later one hides is passed over', () => {
	appendFileSync(
		tree.path('self/mountinfo'),
		['', '26 22 8:1 /deep /deep rw - xfs /dev/sda1 rw', '27 22 0:30 / /mnt rw - tmpfs tmpfs rw'].join('\n'),
	);
	expect(path(8, 1, ['data', 'deep'])).toBe('/deep/data');
	expect(path(8, 1, ['data'])).toBe('(outside) /data');
	// of another directory only
	expect(path(254, 0, ['b', 'mnt2'])).toBe('/mnt2/b');
	expect(path(254, 0, ['b', 'mnt'])).toBe('(outside) /mnt/b');
});

test('a name longer than what is recorded of it is marked, and ends with a whole character', () => {
	expect(path(254, 0, ['n'.repeat(47), 'a'], 1, 1)).toBe(`/a/${'n'.repeat(47)}…`);
	expect(path(254, 0, ['b', 'n'.repeat(47)], 1, 2)).toBe(`/${'n'.repeat(47)}…/b`);
	const half = new TextEncoder().encode(`${'n'.repeat(45)}한`).subarray(0, 47);
	const id = { inode: 12, dev: 254 << 20, generation: 0 };
	const names = [{ text: new Uint8Array([...half, 0]) as ForeignBytes }];
	expect(new FilePaths(tree.root).path({ id, depth: 1, whole: 1, cut: 1, unused: 0, names })).toBe(
		`/${'n'.repeat(45)}…`,
	);
});

test('too deep, without a name, no file', () => {
	expect(path(254, 0, ['b', 'a'], 0)).toBe('/…/a/b');
	expect(path(254, 0, [])).toBe('inode 12');
	expect(path(0, 0, [])).toBeNull();
});

test('a hostile name is inert', () => {
	expect(path(254, 0, ['a\u001b[2J'])).toBe('/a^[[2J');
});

test('stages are what lies between stamps, and add up', () => {
	expect(stagesOf([100, 130, 150, 200], 1000)).toEqual({ request: 30, plug: 20, queue: 50, device: 800, total: 900 });
	expect(stagesOf([100, 130, 0, 200], 1000)).toEqual({ request: 30, plug: 70, device: 800, total: 900 });
	expect(stagesOf([0, 0, 0, 200], 1000)).toEqual({ device: 800, total: 800 });
	expect(waterfall(stagesOf([100, 130, 0, 200], 1000))).toEqual([
		{ stage: 'request', at_ns: 0, ns: 30 },
		{ stage: 'plug', at_ns: 30, ns: 70 },
		{ stage: 'device', at_ns: 100, ns: 800 },
	]);
});
