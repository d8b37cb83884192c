/**
 * Signals and uncaught exceptions, mapped to `end`, `fail` and `suspend`/`resume`. No other file handles them while the
 * screen is open.
 */
import os from 'node:os';

export interface Lifecycle {
	/** End the program with this exit code. */
	end(code: number): void;
	/** An uncaught exception. The process ends when this returns. */
	fail(error: unknown): void;
	/** Restore the terminal, before the process stops. */
	suspend(): void;
	/** The process continues: set the terminal up again and draw everything. */
	resume(): void;
}

/** All signals that end a program and are not a crash (for those: `guardTerminal` of the addon). At SIGUSR1 Node would open its debugger. */
const endSignals = [
	...['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'],
	...['SIGUSR1', 'SIGUSR2', 'SIGALRM', 'SIGVTALRM', 'SIGXCPU', 'SIGXFSZ', 'SIGIO', 'SIGPWR'],
] as NodeJS.Signals[];

/** Install the handlers. Returns a function that removes them. */
export function watchProcess(lifecycle: Lifecycle): () => void {
	let ending = false;
	const onSignal = (signal: NodeJS.Signals) => {
		const code = 128 + os.constants.signals[signal];
		// The second request does not wait for an orderly end.
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
 * Stop as by the terminal's Ctrl-Z. Returns when the process continues, or at once where the kernel discards the signal
 * (a job that no shell controls).
 * @param target 0: the whole job, with npm and the shell that wait for it; else the id of a process
 */
export function stopProcess(lifecycle: Lifecycle, target: number): void {
	lifecycle.suspend();
	const handlers = process.listeners('SIGTSTP');
	process.removeAllListeners('SIGTSTP');
	process.kill(target, 'SIGTSTP');
	for (const handler of handlers) process.on('SIGTSTP', handler);
	lifecycle.resume();
}
