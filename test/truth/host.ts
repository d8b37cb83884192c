/** The real machine, as tracers get it. */
import { spawnSync } from 'node:child_process';
import { cpus } from 'node:os';
import { loadAddon } from '../../src/core/native.ts';
import type { Host } from '../../src/core/tracer.ts';

export function realHost(): Host {
	return {
		addon: loadAddon(`${process.cwd()}/build/wattlag.node`),
		objectPath: (id) => `${process.cwd()}/build/bpf/${id}.bpf.o`,
		procRoot: '/proc',
		sysRoot: '/sys',
		cpus: cpus().length,
	};
}

/** Debian has parts of its kernel as modules, which are loaded on first use. */
export function loadModule(name: string): void {
	spawnSync('modprobe', ['-q', name]);
}

export const seconds = (s: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, s * 1000));
