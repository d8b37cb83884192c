/** Runs the commands of builds. Their output is shown only when they fail. */
import { execFile, execFileSync } from 'node:child_process';
import { availableParallelism } from 'node:os';

export interface Settings {
	cwd?: string;
	/** Replaces the environment. */
	env?: NodeJS.ProcessEnv;
	input?: string | Buffer;
}

const MOST_OUTPUT = 1 << 30;

function failure(command: string, args: readonly string[], error: unknown): Error {
	const { stderr, stdout, message } = error as { stderr?: unknown; stdout?: unknown; message: string };
	const output = `${stderr ?? ''}${stdout ?? ''}`.trim().split('\n').slice(-30).join('\n');
	return new Error(`${command} ${args.join(' ').slice(0, 400)}\n${output || message}`);
}

/** Standard output, as bytes. */
export function runBytes(command: string, args: readonly string[], settings: Settings = {}): Buffer {
	try {
		return execFileSync(command, args, {
			...settings,
			stdio: [settings.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
			maxBuffer: MOST_OUTPUT,
		});
	} catch (error) {
		throw failure(command, args, error);
	}
}

/** Standard output, as text. */
export function run(command: string, args: readonly string[], settings: Settings = {}): string {
	return runBytes(command, args, settings).toString();
}

function start(command: string, args: readonly string[]): Promise<void> {
	return new Promise((resolve, reject) => {
		execFile(command, args, { maxBuffer: MOST_OUTPUT }, (error, stdout, stderr) => {
			if (error) reject(failure(command, args, Object.assign(error, { stdout, stderr })));
			else resolve();
		});
	});
}

/** Several commands, as many at once as there are CPUs. */
export async function runAll(commands: readonly (readonly [command: string, ...args: string[]])[]): Promise<void> {
	const waiting = [...commands];
	async function work(): Promise<void> {
		for (let next = waiting.shift(); next; next = waiting.shift()) {
			const [command, ...args] = next;
			await start(command, args);
		}
	}
	await Promise.all(Array.from({ length: availableParallelism() }, work));
}
