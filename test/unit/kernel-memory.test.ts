import { beforeEach, expect, test } from 'vitest';
import { KernelMemory, kernelMemory } from '../../src/sampling/kernel-memory.ts';
import { treePerTest } from '../lib/tree.ts';

const tree = treePerTest();
beforeEach(() => {
	tree.folder('self/fd');
	tree.folder('self/fdinfo');
});

function open(fd: number, target: string, info: string): void {
	tree.link(`self/fd/${fd}`, target);
	tree.set(`self/fdinfo/${fd}`, info);
}

test('maps and programs are added up, other files are not', () => {
	open(3, 'anon_inode:bpf-map', 'pos:\t0\nmap_type:\t27\nmemlock:\t4223304\nmap_id:\t7\n');
	open(4, 'anon_inode:bpf-prog', 'pos:\t0\nprog_type:\t26\nmemlock:\t4096\n');
	open(5, 'anon_inode:bpf_link', 'pos:\t0\nmemlock:\t1\n');
	open(6, '/some/file', 'memlock:\t1\n');
	// closed between list and read
	tree.link('self/fd/7', 'anon_inode:bpf-map');
	expect(kernelMemory(tree.root)).toBe(4223304 + 4096);
	expect(kernelMemory(tree.path('nowhere'))).toBeNull();
});

test('read every 30 s, and when something was loaded', () => {
	const memory = new KernelMemory(tree.root);
	expect(memory.read(1e9)).toBe(0);
	open(3, 'anon_inode:bpf-map', 'memlock:\t100\n');
	expect(memory.read(30e9)).toBe(0);
	expect(memory.read(31e9)).toBe(100);
	open(4, 'anon_inode:bpf-map', 'memlock:\t50\n');
	memory.changed();
	expect(memory.read(32e9)).toBe(150);
});
