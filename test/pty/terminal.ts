/** A program in a pseudo-terminal: what a user would see, and whether the terminal was left as it was found. */
import pty from '@lydell/node-pty';
import { Emulator, PATIENCE_MS, type TerminalSize } from '../screen/emulator.ts';
import { MARK } from '../setup/marked.ts';

export interface TerminalRunOptions extends TerminalSize {
	env?: Record<string, string>;
	cwd?: string;
}

export interface ExitStatus {
	code: number;
	/** Number of the signal that ended it; 0: none. */
	signal: number;
}

export class TerminalRun extends Emulator {
	readonly exited: Promise<ExitStatus>;
	private readonly process: pty.IPty;
	private exit: ExitStatus | undefined;

	constructor(command: string, args: string[], { columns = 80, rows = 24, env = {}, cwd }: TerminalRunOptions = {}) {
		super({ columns, rows });
		this.process = pty.spawn(command, args, {
			// it becomes TERM, whatever `env` says
			name: env['TERM'] ?? 'xterm-256color',
			cols: columns,
			rows,
			cwd: cwd ?? process.cwd(),
			// Nothing of the test runner's own environment decides what is drawn.
			env: {
				PATH: process.env.PATH ?? '',
				HOME: '/tmp',
				LANG: 'C.UTF-8',
				[MARK]: process.env[MARK] ?? '',
				...env,
			},
		});
		this.process.onData((data) => this.receive(data));
		this.exited = new Promise((resolve) => {
			this.process.onExit(({ exitCode, signal }) => {
				this.exit = { code: exitCode, signal: signal ?? 0 };
				resolve(this.exit);
			});
		});
	}

	get pid(): number {
		return this.process.pid;
	}

	get running(): boolean {
		return this.exit === undefined;
	}

	protected override get condition(): string {
		return this.exit ? `exited with ${this.exit.code}` : 'running';
	}

	send(keys: string): void {
		this.process.write(keys);
	}

	resize(columns: number, rows: number): void {
		this.process.resize(columns, rows);
		this.emulator.resize(columns, rows);
	}

	signal(name: NodeJS.Signals): void {
		process.kill(this.pid, name);
	}

	/** Stop and go on reading: the kernel's buffers fill up meanwhile. */
	stall(): void {
		this.process.pause();
	}

	unstall(): void {
		this.process.resume();
	}

	/** The other end of the terminal goes away, as when a line is cut. */
	hangUp(): void {
		(this.process as unknown as { destroy(): void }).destroy();
	}

	/** Wait for the end, then for the emulator to have seen everything. */
	async ended(timeoutMs = PATIENCE_MS): Promise<ExitStatus> {
		const timeout = new Promise<never>((_, reject) => {
			setTimeout(() => reject(new Error(`still running after ${timeoutMs} ms\n${this.text()}`)), timeoutMs).unref();
		});
		const status = await Promise.race([this.exited, timeout]);
		await this.drawn();
		return status;
	}

	/** End it whatever state it is in. */
	async kill(): Promise<void> {
		if (this.exit === undefined) {
			this.unstall();
			this.process.kill('SIGKILL');
			await this.exited;
		}
		this.emulator.dispose();
	}
}
