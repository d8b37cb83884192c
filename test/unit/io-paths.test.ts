/** From what the kernel tells of a file to its path, and from stamps to stages. */
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

function path(major: number, minor: number, names: string[], whole = 1) {
	const text = (name: string) => ({ text: new TextEncoder().encode(`${name}\0`) as ForeignBytes });
	const id = { inode: 12, dev: (major << 20) | minor, unused: 0 };
	return new FilePaths(tree.root).path({ id, depth: names.length, whole, names: names.map(text) });
}

test('names from the file upwards become a path below the mount', () => {
	expect(path(254, 0, ['b', 'a'])).toBe('/a/b');
	expect(path(8, 1, ['data'])).toBe('/mnt/my disk/data');
	expect(path(8, 17, ['file', 'jail', 'srv'])).toBe('/jail/file');
	// a file system that is mounted elsewhere only
	expect(path(9, 1, ['file'])).toBe('/file');
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
