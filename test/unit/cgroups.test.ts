import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Cgroups, cgroupId } from '../../src/system/cgroups.ts';

let directory: string;

beforeEach(() => {
	directory = mkdtempSync(join(tmpdir(), 'wattlag-cgroups-'));
	mkdirSync(join(directory, 'proc/self'), { recursive: true });
	mkdirSync(join(directory, 'a mount/system.slice/x\u001b[31m.service'), { recursive: true });
	const mount = `${directory}/a\\040mount`;
	writeFileSync(
		join(directory, 'proc/self/mounts'),
		`tmpfs /x tmpfs rw 0 0\ncgroup ${directory}/v1 cgroup rw 0 0\ncgroup2 ${mount} cgroup2 rw 0 0\n`,
	);
});

afterEach(() => rmSync(directory, { recursive: true }));

const id = (path: string): number => statSync(join(directory, 'a mount', path)).ino;

test('ids are inode numbers of the unified hierarchy, names are made inert', () => {
	const cgroups = new Cgroups(join(directory, 'proc'));
	expect(cgroups.path(id('/'))).toBe('/');
	expect(cgroups.path(id('system.slice'))).toBe('/system.slice');
	expect(cgroups.path(id('system.slice/x\u001b[31m.service'))).toBe('/system.slice/x^[[31m.service');
	expect(cgroups.path(4711e6)).toBe('#4711000000');
});

test('a path leads to a group and never out of the hierarchy', () => {
	const proc = join(directory, 'proc');
	expect(cgroupId(proc, '/system.slice')).toBe(id('system.slice'));
	expect(cgroupId(proc, 'system.slice/')).toBe(id('system.slice'));
	expect(cgroupId(proc, '/none')).toBeUndefined();
	expect(cgroupId(proc, '../..')).toBe(id('/'));
});

test('a group made later is found, one that has gone keeps its name', () => {
	const cgroups = new Cgroups(join(directory, 'proc'));
	cgroups.path(id('/'));
	mkdirSync(join(directory, 'a mount/late'));
	const late = id('late');
	cgroups.tick();
	expect(cgroups.path(late)).toBe('/late');
	rmSync(join(directory, 'a mount/late'), { recursive: true });
	cgroups.tick();
	expect(cgroups.path(late)).toBe('/late');
});

test('without a unified hierarchy ids are shown', () => {
	expect(new Cgroups('/nowhere').path(7)).toBe('#7');
});
