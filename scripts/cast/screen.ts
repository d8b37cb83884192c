/** A program in a pseudo-terminal, read through a terminal emulator: text and style of every cell. */
import pty from '@lydell/node-pty';
import xterm from '@xterm/headless';

/** Colours as the emulator numbers them (0 to 255), -1: the terminal's default. */
export interface Style {
	text: number;
	ground: number;
	bold: boolean;
	dim: boolean;
}

/** A piece of a row whose cells have one style; characters as wide as two cells do not occur. */
export interface Run {
	column: number;
	text: string;
	style: Style;
}

/** A row of the screen, from left to right, without blanks on the default ground at its ends. */
export type Row = readonly Run[];

export interface Frame {
	rows: readonly Row[];
}

export interface ScreenOptions {
	columns: number;
	rows: number;
	env: Record<string, string>;
}

type Cell = ReturnType<typeof xterm.Terminal.prototype.buffer.active.getNullCell>;

function styleOf(cell: Cell): Style {
	const text = cell.isFgDefault() ? -1 : cell.getFgColor();
	const ground = cell.isBgDefault() ? -1 : cell.getBgColor();
	const [over, under] = cell.isInverse() ? [ground, text] : [text, ground];
	return { text: over, ground: under, bold: cell.isBold() !== 0, dim: cell.isDim() !== 0 };
}

function sameStyle(a: Style, b: Style): boolean {
	return a.text === b.text && a.ground === b.ground && a.bold === b.bold && a.dim === b.dim;
}

export class Screen {
	/** Time of the last byte that the program wrote, ms. */
	private changed = performance.now();
	private ended = false;
	private readonly process: pty.IPty;
	private readonly emulator: InstanceType<typeof xterm.Terminal>;

	constructor(command: string, args: string[], { columns, rows, env }: ScreenOptions) {
		this.emulator = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true });
		this.process = pty.spawn(command, args, { name: 'xterm-256color', cols: columns, rows, env });
		this.process.onData((data) => {
			this.changed = performance.now();
			this.emulator.write(data);
		});
		this.process.onExit(() => {
			this.ended = true;
		});
	}

	send(keys: string): void {
		this.process.write(keys);
	}

	frame(): Frame {
		const buffer = this.emulator.buffer.active;
		const cell = buffer.getNullCell();
		const rows = Array.from({ length: this.emulator.rows }, (_, y): Row => {
			const line = buffer.getLine(buffer.viewportY + y);
			const runs: Run[] = [];
			for (let column = 0; line && column < this.emulator.cols; column++) {
				line.getCell(column, cell);
				const style = styleOf(cell);
				const text = cell.getChars() || ' ';
				const last = runs.at(-1);
				if (last && sameStyle(last.style, style)) last.text += text;
				else runs.push({ column, text, style });
			}
			return runs;
		});
		return { rows };
	}

	text(): string {
		return frameText(this.frame());
	}

	/** Resolves when the screen matches and nothing has been written for `quiet` ms. Rejects with the screen. */
	async settled(expected: RegExp, quiet = 80, timeout = 60_000): Promise<void> {
		const deadline = performance.now() + timeout;
		while (!(expected.test(this.text()) && performance.now() - this.changed >= quiet)) {
			if (this.ended || performance.now() > deadline) throw new Error(`not on the screen: ${expected}\n${this.text()}`);
			await new Promise((resolve) => setTimeout(resolve, 20));
		}
	}

	/** Ends the program, whatever it does. */
	close(): void {
		if (!this.ended) this.process.kill('SIGTERM');
		this.emulator.dispose();
	}
}

/** Rows as lines of text. */
export function frameText({ rows }: Frame): string {
	return rows.map((row) => row.map(({ text }) => text).join('')).join('\n');
}
