/**
 * A program in a pseudo-terminal, read back through a terminal emulator: what a user would see, and whether the
 * terminal was left as it was found.
 */
import pty from '@lydell/node-pty';
import xterm from '@xterm/headless';

export interface TerminalRunOptions {
	columns?: number;
	rows?: number;
	env?: Record<string, string>;
	cwd?: string;
}

export interface ExitStatus {
	code: number;
	/** Number of the signal that ended it; 0: none. */
	signal: number;
}

export class TerminalRun {
	/** Everything the program wrote. */
	output = '';
	readonly exited: Promise<ExitStatus>;
	private readonly process: pty.IPty;
	private readonly screenBuffer: InstanceType<typeof xterm.Terminal>;
	private exit: ExitStatus | undefined;

	constructor(command: string, args: string[], { columns = 80, rows = 24, env = {}, cwd }: TerminalRunOptions = {}) {
		this.screenBuffer = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true, scrollback: 200 });
		this.process = pty.spawn(command, args, {
			// it becomes TERM, whatever `env` says
			name: env['TERM'] ?? 'xterm-256color',
			cols: columns,
			rows,
			cwd: cwd ?? process.cwd(),
			// Nothing of the test runner's own environment decides what is drawn.
			env: { PATH: process.env.PATH ?? '', HOME: '/tmp', LANG: 'C.UTF-8', ...env },
		});
		this.process.onData((data) => {
			this.output += data;
			this.screenBuffer.write(data);
		});
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

	/** Rows as shown, without trailing blanks. */
	screen(): string[] {
		const buffer = this.screenBuffer.buffer.active;
		return Array.from(
			{ length: this.screenBuffer.rows },
			(_, row) => buffer.getLine(buffer.viewportY + row)?.translateToString(true) ?? '',
		);
	}

	text(): string {
		return this.screen().join('\n');
	}

	/** Is the alternate screen in use? */
	get fullScreen(): boolean {
		return this.screenBuffer.buffer.active.type === 'alternate';
	}

	/** Was the cursor shown by the last sequence that says so? */
	get cursorShown(): boolean {
		return this.output.lastIndexOf('\x1b[?25h') >= this.output.lastIndexOf('\x1b[?25l');
	}

	/** What a program may have left switched on, that a shell does not expect. */
	get modes(): { mouse: string; autowrap: boolean; synchronized: boolean } {
		const { mouseTrackingMode, wraparoundMode, synchronizedOutputMode } = this.screenBuffer.modes;
		return { mouse: mouseTrackingMode, autowrap: wraparoundMode, synchronized: synchronizedOutputMode };
	}

	/** Background colour of a cell as the emulator numbers it; -1: the default. */
	background(column: number, row: number): number {
		const buffer = this.screenBuffer.buffer.active;
		const cell = buffer.getLine(buffer.viewportY + row)?.getCell(column);
		return cell && !cell.isBgDefault() ? cell.getBgColor() : -1;
	}

	send(keys: string): void {
		this.process.write(keys);
	}

	resize(columns: number, rows: number): void {
		this.process.resize(columns, rows);
		this.screenBuffer.resize(columns, rows);
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

	/** Wait until the screen matches. Fails with the screen in the message. */
	async waitFor(expected: RegExp | string | ((run: TerminalRun) => boolean), timeoutMs = 10_000): Promise<void> {
		const matches = () => {
			if (typeof expected === 'function') return expected(this);
			return typeof expected === 'string' ? this.text().includes(expected) : expected.test(this.text());
		};
		const deadline = Date.now() + timeoutMs;
		while (!matches()) {
			if (Date.now() > deadline) {
				throw new Error(
					`not on the screen within ${timeoutMs} ms: ${expected}\n${this.text()}\n(${this.exit ? `exited with ${this.exit.code}` : 'running'})`,
				);
			}
			await new Promise((resolve) => setTimeout(resolve, 20));
		}
	}

	/** Keys, and what they lead to. */
	async press(keys: string, expected: Parameters<TerminalRun['waitFor']>[0], timeoutMs?: number): Promise<void> {
		this.send(keys);
		await this.waitFor(expected, timeoutMs);
	}

	/** Wait for the end, then for the emulator to have seen everything. */
	async ended(timeoutMs = 10_000): Promise<ExitStatus> {
		const timeout = new Promise<never>((_, reject) => {
			setTimeout(() => reject(new Error(`still running after ${timeoutMs} ms\n${this.text()}`)), timeoutMs).unref();
		});
		const status = await Promise.race([this.exited, timeout]);
		await new Promise<void>((resolve) => this.screenBuffer.write('', resolve));
		return status;
	}

	/** End it whatever state it is in. */
	async kill(): Promise<void> {
		if (this.exit === undefined) {
			this.unstall();
			this.process.kill('SIGKILL');
			await this.exited;
		}
		this.screenBuffer.dispose();
	}
}
