/**
 * Every way in which the program can end or stop, turned into two calls: `end` and `suspend`/`resume`. Signals and
 * exceptions live here so that the rest of the program needs to know of neither.
 */
import os from 'node:os';

export interface Lifecycle {
	/** Ask for the end; `code` is the exit code. */
	end(code: number): void;
	/** An exception nobody caught. The process ends when this returns. */
	fail(error: unknown): void;
	/** Hand the terminal back, before the process stops. */
	suspend(): void;
	/** The process goes on: take the terminal again and draw everything. */
	resume(): void;
}

/** All that end a program and are not a crash (those: `guardTerminal` of the addon). Node would open its debugger at SIGUSR1. */
const endSignals = [
	...['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'],
	...['SIGUSR1', 'SIGUSR2', 'SIGALRM', 'SIGVTALRM', 'SIGXCPU', 'SIGXFSZ', 'SIGIO', 'SIGPWR'],
] as NodeJS.Signals[];

/** Install the handlers. Returns a function that takes them off again. */
export function watchProcess(lifecycle: Lifecycle): () => void {
	let ending = false;
	const onSignal = (signal: NodeJS.Signals) => {
		const code = 128 + os.constants.signals[signal];
		// The second request does not wait for a tidy end.
		if (ending) process.exit(code);
		ending = true;
		lifecycle.end(code);
	};
	const onError = (error: unknown) => {
		lifecycle.fail(error);
		process.exit(1);
	};
	const onStop = () => stopProcess(lifecycle, process.pid);
	const onContinue = () => lifecycle.resume();
	for (const signal of endSignals) process.on(signal, onSignal);
	process.on('uncaughtException', onError);
	process.on('unhandledRejection', onError);
	process.on('SIGTSTP', onStop);
	process.on('SIGCONT', onContinue);
	return () => {
		for (const signal of endSignals) process.off(signal, onSignal);
		process.off('uncaughtException', onError);
		process.off('unhandledRejection', onError);
		process.off('SIGTSTP', onStop);
		process.off('SIGCONT', onContinue);
	};
}

/**
 * Stop as the terminal's Ctrl-Z would. `target` 0 stops the whole job (npm and the shell wait for it as well), a
 * process id only that process. Returns when the process goes on, or at once where the kernel discards the signal
 * (a job that no shell controls).
 */
export function stopProcess(lifecycle: Lifecycle, target: number): void {
	lifecycle.suspend();
	const handlers = process.listeners('SIGTSTP');
	process.removeAllListeners('SIGTSTP');
	process.kill(target, 'SIGTSTP');
	for (const handler of handlers) process.on('SIGTSTP', handler);
	lifecycle.resume();
}
