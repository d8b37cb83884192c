/** Nothing stays behind of a test or benchmark that ends before its time: by Ctrl-C, by an exception, killed. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';

/** A command line that dies with this process, whatever way that goes. What it starts itself it has to look after. */
export function leashed(command: string, ...args: string[]): [command: string, args: string[]] {
	return ['setpriv', ['--pdeathsig', 'KILL', command, ...args]];
}

/** Resolves when the child has ended: by this signal, if it has not ended before. */
export async function end(child: ChildProcess, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
	if (child.exitCode !== null || child.signalCode !== null) return;
	const gone = once(child, 'exit');
	child.kill(signal);
	await gone;
}

/** Run it once: when the function returned is called, at the latest when this process exits. */
export function atLatestAtExit(cleanUp: () => void): () => void {
	let done = false;
	const once = (): void => {
		process.off('exit', once);
		if (!done) {
			done = true;
			cleanUp();
		}
	};
	process.on('exit', once);
	return once;
}

/** `prefix` and six characters; `remove` is done at exit if not before. */
export function temporaryDirectory(prefix: string): { path: string; remove: () => void } {
	const path = mkdtempSync(prefix);
	// at exit, who writes into it may die this very moment, or only after us
	const options = { recursive: true, force: true, maxRetries: 5, retryDelay: 50 };
	return { path, remove: atLatestAtExit(() => rmSync(path, options)) };
}

/** Ctrl-C and the like end the process with what was registered above: one line, exit code 128 + the signal's number. */
export function endOnSignals(name: string): void {
	for (const [signal, number] of Object.entries({ SIGHUP: 1, SIGINT: 2, SIGTERM: 15 }))
		process.once(signal, () => {
			process.stderr.write(`${name}: interrupted\n`);
			process.exit(128 + number);
		});
}
