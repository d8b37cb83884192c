/** The command that is recorded as long as it runs, with the user's standard streams. */
import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { readLatin1 } from '../../lib/read-file.ts';
import type { EndSignal } from '../command.ts';
import { commandEnvironment } from '../command-environment.ts';

/** A command that has the signal of its terminal may end by itself so long, ms. */
const SOON_MS = 1000;
/** One that was asked to end may take so long, ms. */
const PATIENCE_MS = 10_000;

export interface RecordedCommandOptions {
	procRoot: string;
	say(line: string): void;
	/** See {@link PATIENCE_MS}. */
	patienceMs?: number;
}

export const codeOfSignal = (signal: NodeJS.Signals): number => 128 + constants.signals[signal];

/** Whether the processes of this one's group have a terminal, which sends its signals to all of them. */
function hasTerminal(procRoot: string): boolean {
	try {
		const stat = readLatin1(`${procRoot}/self/stat`);
		const [, , group, , , foreground] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
		return group === foreground;
	} catch {
		return false;
	}
}

export class RecordedCommand {
	readonly name: string;
	/** Its exit code; 128 + the signal's number, 127 where it is not found, 126 where it cannot be started. */
	readonly ended: Promise<number>;
	private readonly child: ChildProcess;
	private readonly options: RecordedCommandOptions;
	private isOver = false;

	constructor([name = '', ...words]: readonly string[], options: RecordedCommandOptions) {
		this.name = name;
		this.options = options;
		this.child = spawn(name, words, { stdio: 'inherit', env: commandEnvironment() });
		// the terminal sends it to the command too: what is recorded ends with it
		process.on('SIGQUIT', ignore);
		this.ended = new Promise<number>((resolve) => {
			this.child.once('error', (error: NodeJS.ErrnoException) => {
				// of a signal that could not be sent
				if (this.child.pid !== undefined) return;
				options.say(`${name}: ${error.code === 'ENOENT' ? 'not found' : `cannot be started (${error.code})`}`);
				resolve(error.code === 'ENOENT' ? 127 : 126);
			});
			this.child.once('exit', (code, signal) => resolve(code ?? (signal ? codeOfSignal(signal) : 1)));
		}).finally(() => {
			this.isOver = true;
			process.off('SIGQUIT', ignore);
		});
	}

	/**
	 * End it as a signal does that this process got: a terminal has sent it to the command too. A second signal, and patience
	 * that is over, kill it. Resolves with its exit code.
	 */
	async end(signal: EndSignal): Promise<number> {
		const { procRoot, say, patienceMs = PATIENCE_MS } = this.options;
		const kill = () => void this.child.kill('SIGKILL');
		const signals: readonly EndSignal[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];
		for (const one of signals) process.on(one, kill);
		try {
			const isSent = signal === 'SIGINT' && hasTerminal(procRoot);
			if (!isSent) this.child.kill(signal);
			if (signal === 'SIGINT' && !(await this.endsWithin(isSent ? SOON_MS : patienceMs))) this.child.kill('SIGTERM');
			if (!(await this.endsWithin(patienceMs))) {
				say(`${this.name} has not ended ${patienceMs / 1000} s after SIGTERM: SIGKILL`);
				kill();
			}
			return await this.ended;
		} finally {
			for (const one of signals) process.off(one, kill);
		}
	}

	private async endsWithin(ms: number): Promise<boolean> {
		const late = new AbortController();
		await Promise.race([this.ended, pause(ms, undefined, { signal: late.signal }).catch(() => {})]);
		late.abort();
		return this.isOver;
	}
}

const ignore = (): void => {};
