/** The programs that are compared: each is started, runs for a while, and is stopped. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import pty from '@lydell/node-pty';
import type { Host, Options, Tracer } from '../../src/core/tracer.ts';
import { end, leashed } from '../truth/leftovers.ts';
import { loadedPrograms, untilLoaded } from './programs.ts';

export interface Contender {
	name: string;
	/** Resolves when it measures; what it returns stops it. */
	start(): Promise<() => Promise<void>>;
}

/** A tool of libbpf-tools, with its options. */
export function peer(...command: [string, ...string[]]): Contender {
	const [tool, ...options] = command;
	return {
		name: command.join(' '),
		async start() {
			const before = new Set(loadedPrograms().map(({ id }) => id));
			const child = spawn(...leashed(`/usr/sbin/${tool}`, ...options, '900'), { stdio: 'ignore' });
			try {
				await untilLoaded(before);
			} catch (error) {
				await end(child);
				throw new Error(`${command.join(' ')}: ${(error as Error).message}`);
			}
			return () => end(child, 'SIGINT');
		},
	};
}

/** Tracers in this process, not read meanwhile: only the kernel's side of them costs. */
export function sessions(
	name: string,
	host: Host,
	parts: readonly { tracer: Tracer<object, object>; options?: Options; group?: string }[],
): Contender {
	return {
		name,
		async start() {
			const running = parts.map(({ tracer, options = {}, group = tracer.groups[0] as string }) => {
				const session = tracer.start(host, options);
				session.read(1e9, group);
				return session;
			});
			return async () => {
				for (const session of running) session.close();
			};
		},
	};
}

let emptyObject: string | undefined;

/** Compiled on first use. */
export function emptyPrograms(): string {
	if (emptyObject !== undefined) return emptyObject;
	const path = 'build/bench/empty.bpf.o';
	mkdirSync('build/bench', { recursive: true });
	const target = process.arch === 'arm64' ? 'arm64' : 'x86';
	const flags = `-g -O2 -target bpf -mcpu=v3 -D__TARGET_ARCH_${target} -I bpf -c test/bench/empty.bpf.c -o ${path}`;
	execFileSync('clang', flags.split(' '), { stdio: 'inherit' });
	emptyObject = path;
	return path;
}

/** Programs that do nothing at these tracepoints. */
export function empty(name: string, host: Host, ...tracepoints: string[]): Contender {
	return {
		name,
		async start() {
			const object = host.addon.open(emptyPrograms());
			for (const program of object.programs())
				if (!tracepoints.includes(program.name)) object.setAutoload(program.name, false);
			object.load();
			for (const program of tracepoints) object.attach(program);
			return async () => object.close();
		},
	};
}

/** Nothing at all. */
export const nothing: Contender = { name: 'nothing', start: async () => async () => {} };

/** The built program printing one tab. */
export function batch(name: string, tab: string, ...options: string[]): Contender {
	return {
		name,
		async start() {
			const args = ['--batch', '--json', '--tab', tab, '--delay', '1', ...options];
			const child = spawn(...leashed('bin/wattlag', ...args), { stdio: ['ignore', 'pipe', 'inherit'] });
			await once(child.stdout, 'data');
			child.stdout.resume();
			return () => end(child, 'SIGTERM');
		},
	};
}

/** A program in a terminal whose output is dropped. */
export interface Screen {
	pid: number;
	close(): Promise<void>;
}

/** The built program with its screen, hence all tabs. Resolves when the first figures are on it. */
export async function openScreen(...options: string[]): Promise<Screen> {
	const terminal = pty.spawn('bin/wattlag', ['--delay', '1', ...options], {
		cols: 120,
		rows: 40,
		env: { ...process.env, NODE_ENV: 'production', TERM: 'xterm-256color' },
	});
	const gone = new Promise<void>((resolve) => terminal.onExit(() => resolve()));
	// the screen is read, as a terminal does
	let output = '';
	const first = terminal.onData((data) => {
		output += data;
	});
	const begun = performance.now();
	while (!/WATTS/.test(output)) {
		if (performance.now() - begun > 15_000) {
			terminal.kill('SIGKILL');
			throw new Error(`the screen showed nothing: ${JSON.stringify(output.slice(-300))}`);
		}
		await new Promise((resolve) => setTimeout(resolve, 50));
	}
	first.dispose();
	terminal.onData(() => {});
	return {
		pid: terminal.pid,
		async close() {
			terminal.write('q');
			await gone;
		},
	};
}

export function screen(name: string, ...options: string[]): Contender {
	return {
		name,
		async start() {
			const running = await openScreen(...options);
			return () => running.close();
		},
	};
}
