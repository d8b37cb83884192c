/** Two network namespaces with a veth pair between them, for tests of packet drops; removed at the end. */
import { execFileSync } from 'node:child_process';

export interface Pair {
	/** Run a program in one of them; its standard output. */
	run(where: 'a' | 'b', ...command: readonly string[]): string;
	close(): void;
}

let made = 0;

/** `a` has 10.99.0.1, `b` 10.99.0.2, on devices `va` and `vb`. */
export function namespacePair(): Pair {
	const name = `wl${process.pid}x${made++}`;
	const ip = (...words: string[]) => execFileSync('ip', words, { stdio: 'pipe', timeout: 10_000 });
	const close = () => {
		for (const end of ['a', 'b']) {
			try {
				ip('netns', 'del', `${name}${end}`);
			} catch {
				// it was not made
			}
		}
	};
	try {
		for (const end of ['a', 'b']) ip('netns', 'add', `${name}${end}`);
		ip('link', 'add', 'va', 'netns', `${name}a`, 'type', 'veth', 'peer', 'name', 'vb', 'netns', `${name}b`);
		for (const [end, address] of [
			['a', '10.99.0.1/24'],
			['b', '10.99.0.2/24'],
		] as const) {
			const inside = ['-n', `${name}${end}`];
			ip(...inside, 'addr', 'add', address, 'dev', `v${end}`);
			ip(...inside, 'link', 'set', `v${end}`, 'up');
			ip(...inside, 'link', 'set', 'lo', 'up');
		}
	} catch (error) {
		close();
		throw error;
	}
	return {
		run: (where, ...command) =>
			execFileSync('ip', ['netns', 'exec', `${name}${where}`, ...command], {
				encoding: 'utf8',
				timeout: 15_000,
				stdio: ['ignore', 'pipe', 'pipe'],
			}),
		close,
	};
}
