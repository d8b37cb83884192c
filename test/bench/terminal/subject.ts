/** A program under test in a pseudo-terminal of 200 × 50, with an emulator that reads all it writes. */
import pty from '@lydell/node-pty';
import xterm from '@xterm/headless';
import { type CpuTime, cpuTime, type Memory, memory } from './process-figures.ts';

export interface Program {
	name: string;
	command: string;
	args: string[];
	env?: Record<string, string>;
	/** The screen has all its parts; it has its first figures. */
	frame: RegExp;
	ready: RegExp;
	/** A key that moves the selection down, and one that moves it up. */
	down: string;
	up: string;
	quit: string;
	/** There is a selection. */
	selects: boolean;
}

const columns = 200;
const rows = 50;
/** Where no other row is selected afterwards, a key's frame is complete when nothing came for so long, ms. */
const quietMs = 30;
/** Columns in which the bar of a selected row is looked for. */
const barPlaces = [4, 20, 100];
/** Longest wait for the answer to a key, ms. */
const answerMs = 300;

export const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface Chunk {
	/** performance.now() */
	at: number;
	received: number;
}

export class Subject {
	/** Bytes received so far. */
	bytes = 0;
	/** ms from start to the first byte, to the first visible glyph. */
	firstByte = Number.NaN;
	firstGlyph = Number.NaN;
	readonly begun = performance.now();
	private readonly terminal: pty.IPty;
	private readonly emulator = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true, scrollback: 0 });
	private readonly program: Program;
	private readonly ended: Promise<void>;
	private onData: () => void = () => {};
	/** What came is in the emulator: when it came, and what had come by then. */
	private onShown: (chunk: Chunk) => void = () => {};

	constructor(program: Program) {
		this.program = program;
		this.terminal = pty.spawn(program.command, program.args, {
			name: 'xterm-256color',
			cols: columns,
			rows,
			env: { ...process.env, TERM: 'xterm-256color', LANG: 'C.UTF-8', ...program.env } as Record<string, string>,
		});
		this.terminal.onData((data) => {
			const at = performance.now() - this.begun;
			this.bytes += Buffer.byteLength(data);
			if (Number.isNaN(this.firstByte)) this.firstByte = at;
			// what is left without control sequences and blanks
			if (Number.isNaN(this.firstGlyph) && /[^\s]/.test(data.replace(/\x1b(\[[0-9;?<>=]*[ -/]*[@-~]|[()].|.)/g, ''))) {
				this.firstGlyph = at;
			}
			const received = this.bytes;
			this.emulator.write(data, () => this.onShown({ at: at + this.begun, received }));
			this.onData();
		});
		this.ended = new Promise((resolve) => this.terminal.onExit(() => resolve()));
	}

	/** Of the program. */
	get pid(): number {
		return this.terminal.pid;
	}

	text(): string {
		const buffer = this.emulator.buffer.active;
		return Array.from({ length: rows }, (_, row) => buffer.getLine(row)?.translateToString(true) ?? '').join('\n');
	}

	/** ms from the start until the screen matches. */
	async until(expected: RegExp, timeoutMs = 15_000): Promise<number> {
		const deadline = performance.now() + timeoutMs;
		for (;;) {
			await new Promise<void>((resolve) => this.emulator.write('', resolve));
			if (expected.test(this.text())) return performance.now() - this.begun;
			if (performance.now() > deadline)
				throw new Error(`${this.program.name}: never showed ${expected}\n${this.text()}`);
			await new Promise<void>((resolve) => {
				const timer = setTimeout(resolve, 50);
				this.onData = () => {
					clearTimeout(timer);
					resolve();
				};
			});
		}
	}

	/** Until its first figures are shown. */
	ready(): Promise<number> {
		return this.until(this.program.ready);
	}

	cpu(): CpuTime {
		return cpuTime(this.pid);
	}

	memory(): Memory {
		return memory(this.pid);
	}

	/** Background of every row at some places: what tells the selected one, even if its bar ends with its text. */
	private selection(): string {
		const buffer = this.emulator.buffer.active;
		const places = Array.from({ length: rows }, (_, row) => barPlaces.map((column) => [row, column] as const)).flat();
		return places
			.map(([row, column]) => {
				const cell = buffer.getLine(row)?.getCell(column);
				return `${cell?.getBgColorMode()}:${cell?.getBgColor()}:${cell?.isInverse()}`;
			})
			.join(' ');
	}

	/**
	 * One key press: ms until the frame has come that shows another row selected, or after which nothing more came, and the
	 * bytes that came meanwhile. No answer in 300 ms counts as these.
	 */
	async press(key: 'down' | 'up'): Promise<{ ms: number; bytes: number }> {
		const [before, selected] = [this.bytes, this.selection()];
		const begun = performance.now();
		let last: Chunk = { at: begun + answerMs, received: before };
		const answered = new Promise<void>((resolve) => {
			let timer = setTimeout(resolve, answerMs);
			this.onShown = (chunk) => {
				last = chunk;
				clearTimeout(timer);
				if (this.selection() !== selected) resolve();
				else timer = setTimeout(resolve, quietMs);
			};
		});
		this.terminal.write(this.program[key]);
		await answered;
		this.onShown = () => {};
		return { ms: last.at - begun, bytes: last.received - before };
	}

	async close(): Promise<void> {
		this.terminal.write(this.program.quit);
		const timer = setTimeout(() => this.terminal.kill('SIGKILL'), 3000);
		await this.ended;
		clearTimeout(timer);
		this.emulator.dispose();
	}
}
