import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { GroupNames } from '../../src/bpf/cgroups.ts';
import { Cgroups, cgroupFolder, cgroupId, cgroupMount } from '../../src/system/cgroups.ts';

let directory: string;
const proc = () => join(directory, 'proc');

/** Lines of mountinfo from `[top, folder, type]`. */
function mount(...mounts: [top: string, folder: string, type: string][]): void {
	const lines = mounts.map(
		([top, folder, type], index) =>
			`${30 + index} 24 0:26 ${top} ${folder.replaceAll(' ', '\\040')} rw,nosuid shared:9 - ${type} ${type} rw\n`,
	);
	writeFileSync(join(proc(), 'self/mountinfo'), lines.join(''));
}

beforeEach(() => {
	directory = mkdtempSync(join(tmpdir(), 'wattlag-cgroups-'));
	mkdirSync(join(directory, 'proc/self'), { recursive: true });
	mkdirSync(join(directory, 'a mount/system.slice/x\u001b[31m.service'), { recursive: true });
	mount(['/', '/x', 'tmpfs'], ['/', `${directory}/v1`, 'cgroup'], ['/', `${directory}/a mount`, 'cgroup2']);
});

afterEach(() => {
	vi.useRealTimers();
	rmSync(directory, { recursive: true });
});

const id = (path: string): number => statSync(join(directory, 'a mount', path)).ino;

describe('the mount', () => {
	test('that shows most of the hierarchy is taken', () => {
		expect(cgroupMount(proc())).toEqual({ folder: `${directory}/a mount`, top: '/' });
		mount(['/pod/inner', '/a', 'cgroup2'], ['/pod', '/b', 'cgroup2']);
		expect(cgroupMount(proc())).toEqual({ folder: '/b', top: '/pod' });
		mount(['/', '/v1', 'cgroup']);
		expect(cgroupMount(proc())).toBeUndefined();
		expect(cgroupMount('/nowhere')).toBeUndefined();
	});

	test('that a later one hides is not taken', () => {
		const lines = (...mounts: string[]) => writeFileSync(join(proc(), 'self/mountinfo'), mounts.join('\n'));
		const engine = [
			'70 60 0:1 / / rw - overlay overlay rw',
			'74 70 0:2 / /sys rw - sysfs sysfs rw',
			'75 74 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw',
			'85 75 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw',
			'98 75 0:45 / /sys/fs/cgroup rw - tmpfs tmpfs rw',
			'99 98 0:29 /pod /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu',
		];
		lines(...engine);
		expect(cgroupMount(proc())).toBeUndefined();
		lines(...engine, '100 98 0:38 /pod /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw');
		expect(cgroupMount(proc())).toEqual({ folder: '/sys/fs/cgroup/unified', top: '/pod' });
		// another one on the same folder
		lines('24 1 0:2 / / rw - ext4 a rw', '30 24 0:3 / /c rw - cgroup2 c rw', '31 30 0:4 / /c rw - tmpfs t rw');
		expect(cgroupMount(proc())).toBeUndefined();
		// a root that was changed at boot is listed after what was moved into it
		lines('30 40 0:3 / /c rw - cgroup2 c rw', '40 1 0:2 / / rw - ext4 a rw', '1 1 0:5 / / rw - rootfs rootfs rw');
		expect(cgroupMount(proc())).toEqual({ folder: '/c', top: '/' });
	});

	test('of a subtree shows the groups below its top and no others', () => {
		const pod = { folder: '/b', top: '/pod' };
		expect(cgroupFolder(pod, '/pod/inner')).toBe('/b/inner');
		expect(cgroupFolder(pod, '/pod')).toBe('/b');
		expect(cgroupFolder(pod, '/podium')).toBeUndefined();
		expect(cgroupFolder(pod, '/')).toBeUndefined();
		expect(cgroupFolder({ folder: '/b', top: '/' }, '/../../etc')).toBeUndefined();
		expect(cgroupFolder({ folder: '/b', top: '/' }, '/a..b')).toBe('/b/a..b');
	});
});

describe('where the kernel resolves ids', () => {
	const answering = (paths: Record<number, string>) => vi.fn((_: string, one: number) => Buffer.from(paths[one] ?? ''));

	test('each is asked for once, and the path is made inert', () => {
		const lookup = answering({ 7: `${directory}/a mount/x\u001b[31m`, 1: `${directory}/a mount` });
		const cgroups = new Cgroups(proc(), lookup);
		for (let time = 0; time < 2; time++) {
			expect(cgroups.path(7)).toBe('/x^[[31m');
			expect(cgroups.path(1)).toBe('/');
			expect(cgroups.path(8)).toBe('#8');
		}
		expect(lookup).toHaveBeenCalledTimes(3);
		expect(lookup).toHaveBeenCalledWith(`${directory}/a mount`, 7);
	});

	test('paths are those in the hierarchy although a subtree is mounted', () => {
		mount(['/pod', '/b', 'cgroup2']);
		// the kernel has one path for the root and for all that is outside
		const cgroups = new Cgroups(proc(), answering({ 5: '/b', 2: '/b/inner', 1: '/', 3: '/' }));
		expect([5, 2, 1, 3].map((one) => cgroups.path(one))).toEqual(['/pod', '/pod/inner', '#1', '#3']);
	});

	test('outside of a mounted subtree a group is named by /proc of a process in it', () => {
		mount(['/', '/b', 'cgroup2']);
		const cgroups = new GroupNames(proc(), answering({ 5: '/b', 3: '/', 4: '/' }));
		mkdirSync(join(proc(), '7'));
		writeFileSync(join(proc(), '7/cgroup'), '0::/../other\u001b[2J\n');
		writeFileSync(join(proc(), '7/stat'), `7 (p) S${' 0'.repeat(18)} 500 0`);
		expect(cgroups.pathOf(5, { pid: 7, start: 5e9 })).toBe('/');
		// another process that has the pid by now
		expect(cgroups.pathOf(4, { pid: 7, start: 1e9 })).toBe('#4');
		expect(cgroups.pathOf(3, { pid: 7, start: 5e9 })).toBe('/../other^[[2J');
		expect(cgroups.path(3)).toBe('/../other^[[2J');
		expect(cgroups.pathOf(4, { pid: 0, start: 0 })).toBe('#4');
	});

	test('in a cgroup namespace with the mount of the outer one, paths are whole', () => {
		mount(['/../..', '/b', 'cgroup2']);
		expect(cgroupMount(proc())).toEqual({ folder: '/b', top: '/', above: 2 });
		const cgroups = new Cgroups(proc(), answering({ 1: '/b', 2: '/b/pod/inner' }));
		expect([1, 2].map((one) => cgroups.path(one))).toEqual(['/', '/pod/inner']);
		mount(['/..', `${directory}/a mount`, 'cgroup2']);
		const group = id('system.slice');
		expect(['/system.slice', '/../system.slice', 'system.slice/'].map((path) => cgroupId(proc(), path))).toEqual([
			group,
			group,
			group,
		]);
		// one level more is none of ours; without such a mount none is
		expect(cgroupId(proc(), '/../../system.slice')).toBeUndefined();
		mount(['/', `${directory}/a mount`, 'cgroup2']);
		expect(cgroupId(proc(), '/../system.slice')).toBeUndefined();
	});

	test('no more than so many names are kept, the newest ones', () => {
		const lookup = vi.fn((_: string, one: number) => Buffer.from(`${directory}/a mount/${one}`));
		const cgroups = new Cgroups(proc(), lookup);
		for (let one = 1; one <= 40_000; one++) cgroups.path(one);
		lookup.mockClear();
		cgroups.path(40_000);
		expect(lookup).not.toHaveBeenCalled();
		cgroups.path(1);
		expect(lookup).toHaveBeenCalledOnce();
	});
});

describe('where it refuses, the hierarchy is searched', () => {
	const refusing = vi.fn(() => {
		throw new Error('EPERM');
	});

	test('ids are inode numbers of the unified hierarchy, names are made inert', () => {
		const cgroups = new Cgroups(proc(), refusing);
		expect(cgroups.path(id('/'))).toBe('/');
		expect(cgroups.path(id('system.slice'))).toBe('/system.slice');
		expect(cgroups.path(id('system.slice/x\u001b[31m.service'))).toBe('/system.slice/x^[[31m.service');
		expect(cgroups.path(4711e6)).toBe('#4711000000');
		expect(refusing).toHaveBeenCalledOnce();
	});

	test('a group made later is found by the next search, one that has gone keeps its name', () => {
		vi.useFakeTimers({ toFake: ['performance'] });
		const cgroups = new Cgroups(proc());
		cgroups.path(id('/'));
		mkdirSync(join(directory, 'a mount/late'));
		const late = id('late');
		expect(cgroups.path(late)).toBe(`#${late}`);
		vi.advanceTimersByTime(10_000);
		expect(cgroups.path(late)).toBe('/late');
		rmSync(join(directory, 'a mount/late'), { recursive: true });
		vi.advanceTimersByTime(10_000);
		expect(cgroups.path(late)).toBe('/late');
	});
});

test('a path leads to a group and never out of the hierarchy', () => {
	expect(cgroupId(proc(), '/system.slice')).toBe(id('system.slice'));
	expect(cgroupId(proc(), 'system.slice/')).toBe(id('system.slice'));
	expect(cgroupId(proc(), '/none')).toBeUndefined();
	expect(cgroupId(proc(), '../..')).toBeUndefined();
	mount(['/pod', `${directory}/a mount`, 'cgroup2']);
	expect(cgroupId(proc(), '/pod/system.slice')).toBe(id('system.slice'));
	expect(cgroupId(proc(), '/system.slice')).toBeUndefined();
});

test('without a unified hierarchy ids are shown', () => {
	expect(new Cgroups('/nowhere').path(7)).toBe('#7');
});
