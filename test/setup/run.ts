/** Once for a run of the tests: whatever way it ends, by SIGKILL too, no process that it has started outlives it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { MARK } from './marked.ts';

/** Returns what is done at the end. */
export default function begin(): () => Promise<void> {
	const run = `${process.pid}-${Date.now()}`;
	const watchdog = spawn(process.execPath, [fileURLToPath(new URL('watchdog.ts', import.meta.url)), run], {
		// its input ends with this process; a Ctrl-C at the terminal is not for it
		stdio: ['pipe', 'ignore', 'inherit'],
		detached: true,
	});
	watchdog.unref();
	process.env[MARK] = run;
	return async () => {
		const gone = once(watchdog, 'exit');
		watchdog.stdin.end();
		await gone;
	};
}
