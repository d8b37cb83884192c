/** Profiles of loads of known shape. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import type { Host } from '../../src/core/tracer.ts';
import { safe } from '../../src/lib/sanitize.ts';
import type { Profile, ProfileMode, ProfileStack } from '../../src/profile/model.ts';
import { functionsOf } from '../../src/profile/tree.ts';
import { loadDemangler } from '../../src/symbols/demangle.ts';
import { Taking, type TakingOptions } from '../../src/tracers/profile/taking.ts';
import { realHost } from './host.ts';
import { end, leashed } from './leftovers.ts';

/** fixtures/profiled.c with frame pointers. */
export function buildProfiled(path: string): void {
	execFileSync('clang', [
		...['-O1', '-g', '-fno-omit-frame-pointer', '-fno-optimize-sibling-calls', '-pthread', '-Wall'],
		...['test/truth/fixtures/profiled.c', '-o', path],
	]);
}

const running = new Set<ChildProcess>();
let taking: Taking | undefined;

/** End the profile and all loads. */
export async function endAll(): Promise<void> {
	taking?.close();
	taking = undefined;
	await Promise.all(Array.from(running, (child) => end(child)));
	running.clear();
}

/** Start a load, and wait until it is the program whose name begins so. */
export async function loadOf(
	name: string | RegExp,
	path: string,
	...args: string[]
): Promise<ChildProcess & { pid: number }> {
	const child = spawn(...leashed(path, ...args), { stdio: ['pipe', 'ignore', 'inherit'] }) as ChildProcess & {
		pid: number;
	};
	running.add(child);
	const named = typeof name === 'string' ? new RegExp(`^${name}`) : name;
	while (!named.test(readFileSync(`/proc/${child.pid}/comm`, 'utf8'))) await setTimeout(5);
	await setTimeout(50);
	return child;
}

export const load = (path: string, ...args: string[]) => loadOf('profiled', path, ...args);

/** One at a time. */
function beginTaking(host: Host, options: TakingOptions): Taking {
	taking?.close();
	taking = new Taking(host, options);
	return taking;
}

export function begin(
	mode: ProfileMode,
	pid: number,
	hz = 99,
	unwind = false,
	host = realHost(),
	more: Partial<TakingOptions> = {},
): Taking {
	return beginTaking(host, {
		...{ mode, target: { tgid: pid }, targetText: safe`pid ${pid}`, hz, offCpuMin: 1e6, unwind },
		...more,
	});
}

export async function take(
	mode: ProfileMode,
	pid: number,
	ms: number,
	hz?: number,
	unwind?: boolean,
	more?: Partial<TakingOptions>,
): Promise<Profile> {
	await loadDemangler();
	const one = begin(mode, pid, hz, unwind, realHost(), more);
	for (let left = ms; left > 0; left -= 50) {
		await setTimeout(50);
		one.drain();
	}
	one.stop();
	await one.settleSymbols(AbortSignal.timeout(10_000));
	return one.profile();
}

export const namesOf = (profile: Profile, stack: ProfileStack) =>
	stack.frames.map((at) => profile.frames[at]?.name as string);

export function figures(profile: Profile) {
	return functionsOf(
		profile.stacks.map((stack) => ({
			value: stack.count,
			frames: stack.frames.flatMap((at) => profile.frames[at] ?? []),
		})),
	);
}
