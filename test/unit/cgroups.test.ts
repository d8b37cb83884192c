import { statSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { Cgroups, cgroupId } from '../../src/system/cgroups.ts';
import { treePerTest } from '../lib/tree.ts';

const tree = treePerTest();

beforeEach(() => {
	tree.folder('proc/self');
	tree.folder('a mount/system.slice/x\u001b[31m.service');
	const mount = `${tree.root}/a\\040mount`;
	tree.set(
		'proc/self/mounts',
		`tmpfs /x tmpfs rw 0 0\ncgroup ${tree.root}/v1 cgroup rw 0 0\ncgroup2 ${mount} cgroup2 rw 0 0\n`,
	);
});

const id = (path: string): number => statSync(join(tree.root, 'a mount', path)).ino;

test('ids are inode numbers of the unified hierarchy, names are made inert', () => {
	const cgroups = new Cgroups(tree.path('proc'));
	expect(cgroups.path(id('/'))).toBe('/');
	expect(cgroups.path(id('system.slice'))).toBe('/system.slice');
	expect(cgroups.path(id('system.slice/x\u001b[31m.service'))).toBe('/system.slice/x^[[31m.service');
	expect(cgroups.path(4711e6)).toBe('#4711000000');
});

test('a path leads to a group and never out of the hierarchy', () => {
	const proc = tree.path('proc');
	expect(cgroupId(proc, '/system.slice')).toBe(id('system.slice'));
	expect(cgroupId(proc, 'system.slice/')).toBe(id('system.slice'));
	expect(cgroupId(proc, '/none')).toBeUndefined();
	expect(cgroupId(proc, '../..')).toBe(id('/'));
});

test('a group made later is found, one that has gone keeps its name', () => {
	const cgroups = new Cgroups(tree.path('proc'));
	cgroups.path(id('/'));
	tree.folder('a mount/late');
	const late = id('late');
	cgroups.tick();
	expect(cgroups.path(late)).toBe('/late');
	tree.remove('a mount/late');
	cgroups.tick();
	expect(cgroups.path(late)).toBe('/late');
});

test('without a unified hierarchy ids are shown', () => {
	expect(new Cgroups('/nowhere').path(7)).toBe('#7');
});
