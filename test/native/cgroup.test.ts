/** Paths of control groups by their ids, against folders made here. */
import { mkdirSync, readFileSync, rmdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cgroupMount } from '../../src/system/cgroups.ts';
import { addon } from './support.ts';

const mount = cgroupMount('/proc')?.folder ?? '';
const top = join(mount, `wattlag-test-${process.pid}`);
const inner = join(top, 'inner [2mname');

beforeAll(() => {
	expect(readFileSync('/proc/self/mountinfo', 'utf8')).toContain(' - cgroup2 ');
	mkdirSync(inner, { recursive: true });
});
afterAll(() => {
	for (const folder of [inner, top]) {
		try {
			rmdirSync(folder);
		} catch {
			// the test that removes it has run
		}
	}
});

const pathOf = (id: number): string => Buffer.from(addon().cgroupPath(mount, id)).toString();

test('a group is found by the inode number of its folder, until it has gone', () => {
	for (const folder of [mount, top, inner]) expect(pathOf(statSync(folder).ino)).toBe(folder);
	const { ino } = statSync(inner);
	rmdirSync(inner);
	expect(pathOf(ino)).toBe('');
});

test('a number without a group has no path; a folder that is no mount is an error', () => {
	expect(pathOf(2 ** 40)).toBe('');
	expect(() => addon().cgroupPath('/nowhere', 1)).toThrow(/cgroupPath.*ENOENT/);
	expect(() => addon().cgroupPath(mount, -1)).toThrow(TypeError);
	expect(() => addon().cgroupPath(mount, 1.5)).toThrow(TypeError);
});
