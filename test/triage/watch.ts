/** The overview's findings, as they come. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Finding } from '../../src/tracers/overview/finding.ts';

export { seconds as sleep } from '../truth/host.ts';

export interface Line {
	/** ms, as of performance.now(). */
	at: number;
	findings: Finding[];
}

export interface Watch {
	/** Of the last minutes. */
	lines: Line[];
	/** Resolves with the first line, or when the program has ended. */
	ready: Promise<void>;
	/** It has ended. */
	readonly over: boolean;
	end(): Promise<void>;
}

/** Lines that are kept: a quiet series goes through them itself. */
const MOST = 5000;

export function watch(): Watch {
	const child = spawn('bin/wattlag', ['--batch', '--tab', 'overview', '--json', '--limit', '1'], {
		stdio: ['ignore', 'pipe', 'ignore'],
	});
	const lines: Line[] = [];
	const first = Promise.withResolvers<void>();
	createInterface({ input: child.stdout }).on('line', (text) => {
		const { findings } = JSON.parse(text) as { findings: Finding[] };
		lines.push({ at: performance.now(), findings });
		if (lines.length > MOST) lines.shift();
		first.resolve();
	});
	let over = false;
	const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
	void ended.then(() => {
		over = true;
		first.resolve();
	});
	return {
		lines,
		ready: first.promise,
		get over() {
			return over;
		},
		async end() {
			child.kill('SIGTERM');
			await ended;
		},
	};
}

export const lineText = ({ subject, text, owner }: Finding): string =>
	`${subject}: ${text}${owner ? ` — ${owner.role} ${owner.comm}${owner.processes > 1 ? ` ×${owner.processes}` : ''}` : ''}`;
