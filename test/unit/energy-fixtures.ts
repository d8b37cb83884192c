/**
 * FIXTURES: trees that look like sysfs and proc of machines we do not have. They go through the same code as hardware;
 * no number in them was measured.
 */
import { chmodSync, statSync, writeFileSync } from 'node:fs';
import { makeTree as makeFiles } from '../lib/tree.ts';

/** One second in ns. */
export const second = 1e9;
/** What the kernel gives for 32 bits of 61 µJ, the usual unit of Intel's counters. */
export const usualRange = 262_143_328_850n;

export interface Tree {
	sysRoot: string;
	procRoot: string;
	/** Write a file below the tree's root: `sys/…` or `proc/…`. */
	set(path: string, content: string | number | bigint): void;
	link(path: string, target: string): void;
	remove(path: string): void;
	/** What files opened by root only are to others. */
	forbid(path: string): void;
}

/** An empty tree, removed when the test ends. */
export function makeTree(): Tree {
	const files = makeFiles();
	// another user must get as far as the file that is forbidden
	chmodSync(files.root, 0o755);
	return {
		sysRoot: files.path('sys'),
		procRoot: files.path('proc'),
		set: (path, content) => {
			const text = `${content}\n`;
			const size = statSync(files.path(path), { throwIfNoEntry: false })?.size;
			// a value that is not shorter: in one write, as a counter changes, so that no read finds the file empty
			if (size !== undefined && size <= text.length) writeFileSync(files.path(path), text, { flag: 'r+' });
			else files.set(path, text);
		},
		link: (path, target) => files.link(path, target),
		remove: (path) => files.remove(path),
		forbid: (path) => chmodSync(files.path(path), 0o000),
	};
}

export function setVendor(tree: Tree, vendor: 'GenuineIntel' | 'AuthenticAMD'): void {
	tree.set('proc/cpuinfo', `processor\t: 0\nvendor_id\t: ${vendor}\ncpu family\t: 6`);
}

/** Where a powercap zone's own folder is: zones lie within each other, and the class folder links to all of them. */
export function zonePath(zone: string): string {
	const [control, ...numbers] = zone.split(':');
	const nested = numbers.map((_, i) => [control, ...numbers.slice(0, i + 1)].join(':'));
	return ['sys/devices/virtual/powercap', control, ...nested].join('/');
}

/** A powercap zone, e.g. `intel-rapl:0:1`. `range: null`: the kernel does not tell it. */
export function addZone(
	tree: Tree,
	zone: string,
	name: string,
	energy: string | number | bigint,
	range: bigint | string | null = usualRange,
): void {
	const folder = zonePath(zone);
	tree.set(`${folder}/name`, name);
	tree.set(`${folder}/energy_uj`, energy);
	if (range !== null) tree.set(`${folder}/max_energy_range_uj`, range);
	tree.link(`sys/class/powercap/${zone}`, folder.replace('sys/', '../../'));
}

export function setEnergy(tree: Tree, zone: string, energy: string | number | bigint): void {
	tree.set(`${zonePath(zone)}/energy_uj`, energy);
}

/** Run as a user without privileges, so that permissions of files count although tests may run as root. */
export function asNobody<T>(run: () => T): T {
	if (process.geteuid?.() !== 0) return run();
	process.seteuid?.(65534);
	try {
		return run();
	} finally {
		process.seteuid?.(0);
	}
}
