import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { KernelMemory, kernelMemory } from '../../src/sampling/kernel-memory.ts';

let proc: string;
beforeEach(() => {
	proc = mkdtempSync(join(tmpdir(), 'wattlag-proc-'));
	mkdirSync(join(proc, 'self/fd'), { recursive: true });
	mkdirSync(join(proc, 'self/fdinfo'));
});
afterEach(() => rmSync(proc, { recursive: true }));

function open(fd: number, target: string, info: string): void {
	symlinkSync(target, join(proc, 'self/fd', String(fd)));
	writeFileSync(join(proc, 'self/fdinfo', String(fd)), info);
}

test('maps and programs are added up, other files are not', () => {
	open(3, 'anon_inode:bpf-map', 'pos:\t0\nmap_type:\t27\nmemlock:\t4223304\nmap_id:\t7\n');
	open(4, 'anon_inode:bpf-prog', 'pos:\t0\nprog_type:\t26\nmemlock:\t4096\n');
	open(5, 'anon_inode:bpf_link', 'pos:\t0\nmemlock:\t1\n');
	open(6, '/some/file', 'memlock:\t1\n');
	// closed between list and read
	symlinkSync('anon_inode:bpf-map', join(proc, 'self/fd/7'));
	expect(kernelMemory(proc)).toBe(4223304 + 4096);
	expect(kernelMemory(join(proc, 'nowhere'))).toBeNull();
});

test('read every 30 s, and when something was loaded', () => {
	const memory = new KernelMemory(proc);
	expect(memory.read(1e9)).toBe(0);
	open(3, 'anon_inode:bpf-map', 'memlock:\t100\n');
	expect(memory.read(30e9)).toBe(0);
	expect(memory.read(31e9)).toBe(100);
	open(4, 'anon_inode:bpf-map', 'memlock:\t50\n');
	memory.changed();
	expect(memory.read(32e9)).toBe(150);
});
