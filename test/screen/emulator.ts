/** What a user would see of a program: the bytes that it writes to its terminal, read back through a terminal emulator. */
import xterm from '@xterm/headless';

export interface TerminalSize {
	columns?: number;
	rows?: number;
}

type Expected<Program> = RegExp | string | ((run: Program) => boolean);

/** Where several programs start at once on a busy machine, each takes its time. */
export const PATIENCE_MS = 40_000;

export abstract class Emulator {
	/** Everything the program wrote. */
	output = '';
	protected readonly emulator: InstanceType<typeof xterm.Terminal>;

	constructor({ columns = 80, rows = 24 }: TerminalSize) {
		this.emulator = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true, scrollback: 200 });
	}

	/** Keys, as the terminal sends them. */
	abstract send(keys: string): void;

	/** Of the program, for messages of failed tests. */
	protected abstract get condition(): string;

	protected receive(text: string): void {
		this.output += text;
		this.emulator.write(text);
	}

	/** Until the emulator has seen everything. */
	protected drawn(): Promise<void> {
		return new Promise((resolve) => this.emulator.write('', resolve));
	}

	/** Rows as shown, without trailing blanks. */
	screen(): string[] {
		const buffer = this.emulator.buffer.active;
		return Array.from(
			{ length: this.emulator.rows },
			(_, row) => buffer.getLine(buffer.viewportY + row)?.translateToString(true) ?? '',
		);
	}

	text(): string {
		return this.screen().join('\n');
	}

	/** Is the alternate screen in use? */
	get fullScreen(): boolean {
		return this.emulator.buffer.active.type === 'alternate';
	}

	/** Was the cursor shown by the last sequence that says so? */
	get cursorShown(): boolean {
		return this.output.lastIndexOf('\x1b[?25h') >= this.output.lastIndexOf('\x1b[?25l');
	}

	/** What a program may have left switched on, that a shell does not expect. */
	get modes(): { mouse: string; autowrap: boolean; synchronized: boolean } {
		const { mouseTrackingMode, wraparoundMode, synchronizedOutputMode } = this.emulator.modes;
		return { mouse: mouseTrackingMode, autowrap: wraparoundMode, synchronized: synchronizedOutputMode };
	}

	/** Background colour of a cell as the emulator numbers it; -1: the default. */
	background(column: number, row: number): number {
		const buffer = this.emulator.buffer.active;
		const cell = buffer.getLine(buffer.viewportY + row)?.getCell(column);
		return cell && !cell.isBgDefault() ? cell.getBgColor() : -1;
	}

	/** Wait until the screen matches. Fails with the screen in the message. */
	async waitFor(expected: Expected<this>, timeoutMs = PATIENCE_MS): Promise<void> {
		const matches = () => {
			if (typeof expected === 'function') return expected(this);
			return typeof expected === 'string' ? this.text().includes(expected) : expected.test(this.text());
		};
		const deadline = Date.now() + timeoutMs;
		while (!matches()) {
			if (Date.now() > deadline) {
				throw new Error(`not on the screen within ${timeoutMs} ms: ${expected}\n${this.text()}\n(${this.condition})`);
			}
			await new Promise((resolve) => setTimeout(resolve, this.pollMs));
		}
	}

	protected get pollMs(): number {
		return 20;
	}

	/** Keys, and what they lead to. */
	async press(keys: string, expected: Expected<this>, timeoutMs?: number): Promise<void> {
		this.send(keys);
		await this.waitFor(expected, timeoutMs);
	}
}
