/** Two network namespaces with a veth pair between them, for tests of packet drops; removed at the end. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { readlinkSync } from 'node:fs';

export interface Pair {
	/** Run a program in one of them; its standard output. */
	run(where: 'a' | 'b', ...command: readonly string[]): string;
	close(): void;
}

const HOLDS_S = '600';

/** A process that keeps a network namespace of its own. `ip netns` needs a mount that a plain root folder has not. */
function holder(): ChildProcess & { pid: number } {
	const child = spawn('setpriv', ['--pdeathsig', 'KILL', 'unshare', '--net', 'sleep', HOLDS_S], { stdio: 'ignore' });
	if (child.pid === undefined) throw new Error('setpriv or unshare is missing');
	const own = readlinkSync('/proc/self/ns/net');
	for (let tries = 0; tries < 250; tries++) {
		if (readlinkSync(`/proc/${child.pid}/ns/net`) !== own) return child as ChildProcess & { pid: number };
		execFileSync('sleep', ['0.02']);
	}
	child.kill('SIGKILL');
	throw new Error('no network namespace within 5 s');
}

/** `a` has 10.99.0.1, `b` 10.99.0.2, on devices `va` and `vb`. */
export function namespacePair(): Pair {
	const holders: ReturnType<typeof holder>[] = [];
	const close = () => {
		for (const child of holders) child.kill('SIGKILL');
	};
	try {
		const [a, b] = [holder(), holder()].map((child) => {
			holders.push(child);
			return child.pid;
		}) as [number, number];
		const run: Pair['run'] = (where, ...command) =>
			execFileSync('nsenter', ['-t', String(where === 'a' ? a : b), '-n', ...command], {
				encoding: 'utf8',
				timeout: 15_000,
				stdio: ['ignore', 'pipe', 'pipe'],
			});
		run('a', 'ip', 'link', 'add', 'va', 'type', 'veth', 'peer', 'name', 'vb', 'netns', String(b));
		for (const [end, address] of [
			['a', '10.99.0.1/24'],
			['b', '10.99.0.2/24'],
		] as const) {
			run(end, 'ip', 'addr', 'add', address, 'dev', `v${end}`);
			run(end, 'ip', 'link', 'set', `v${end}`, 'up');
			run(end, 'ip', 'link', 'set', 'lo', 'up');
		}
		return { run, close };
	} catch (error) {
		close();
		throw error;
	}
}
