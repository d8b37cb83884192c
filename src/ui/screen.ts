/**
 * Sets the terminal up, restores it at every kind of end, and draws the first frame: all before Ink is loaded, so that the
 * screen appears at once.
 */
import fs from 'node:fs';
import { ReadStream } from 'node:tty';
import { stackLines } from '../core/stack.ts';
import type { HostInfo } from '../system/local-host.ts';
import type { Size } from '../term/diff.ts';
import { FrameWriter } from '../term/frame-writer.ts';
import { type Lifecycle, watchProcess } from '../term/lifecycle.ts';
import { type LoadNative, openTerminal, standardOutput } from '../term/output.ts';
import { erasesInColour, Terminal } from '../term/terminal.ts';
import { type AppearanceChoice, appearanceOf, paint, setPalette } from '../term/theme.ts';
import { tabLine } from './frame/tab-line.ts';
import { digitsOf, type TabTracer } from './tab.ts';
import { statusLine } from './widgets/line.ts';

export interface ScreenOptions {
	registry: readonly { tracer: Pick<TabTracer<never>, 'id' | 'title' | 'from'> }[];
	command: { tab: string; appearance?: AppearanceChoice | undefined; mouse?: boolean | undefined };
	host: Pick<HostInfo, 'host'>;
	/** Without it a terminal that has stopped reading may not be restored, and none is after a crash. */
	native?: LoadNative | undefined;
}

/** It is also the key of the first frame in the writer's slots. */
export interface Screen {
	readonly writer: FrameWriter;
	/** null: no terminal to read keys from. */
	readonly keyboard: ReadStream | null;
	readonly lifecycle: Lifecycle;
	/** Resolves with the exit code: 0, or 128 + the signal's number. */
	readonly ended: Promise<number>;
	/** Restore the terminal. Idempotent. */
	leave(): void;
	/** Stop watching signals and exceptions. */
	close(): void;
}

/** A terminal without a known size counts as 80 × 24, as for curses. */
export function terminalSize(): Size {
	const { columns, rows } = process.stdout;
	return { columns: columns > 0 ? columns : 80, rows: rows > 0 ? rows : 24 };
}

function openKeyboard(): ReadStream | null {
	if (process.stdin.isTTY) return process.stdin;
	try {
		return new ReadStream(fs.openSync('/dev/tty', 'r'));
	} catch {
		return null;
	}
}

/** The lines that are known before anything is measured, at their final positions. */
function firstLines({ registry, command, host }: ScreenOptions, width: number): string[] {
	const digits = digitsOf(registry);
	const tabs = registry.map(({ tracer: { id, title } }, index) => ({
		id,
		title,
		digit: digits[index] as string,
		unavailable: false,
	}));
	const attaching = ['warn', 'attaching…'] as const;
	return [
		statusLine(width, [
			{ spans: [['brand', 'wattlag']], drop: 1 },
			{ spans: [['strong', host.host]], drop: 0 },
		]),
		tabLine(tabs, command.tab, [[attaching]], width).line,
		'',
		`  ${paint(...attaching)}`,
	];
}

/** Needs a terminal on standard output. After an uncaught exception the process exits with 1. */
export function openScreen(options: ScreenOptions): Screen {
	const { appearance: choice, mouse } = options.command;
	const appearance = appearanceOf(process.env, choice);
	setPalette(appearance);
	const keyboard = openKeyboard();
	const output = openTerminal(options.native) ?? standardOutput(options.native);
	const terminal = new Terminal(output, keyboard, mouse);
	const ended = Promise.withResolvers<number>();
	const size = terminalSize();
	const writer = new FrameWriter({
		output,
		size,
		ascii: appearance.ascii,
		colourErase: erasesInColour(process.env['TERM'] ?? ''),
		onGone: () => ended.resolve(128 + 1),
	});
	const leave = () => terminal.restore(writer.stop());
	const lifecycle: Lifecycle = {
		end: (code) => {
			leave();
			ended.resolve(code);
		},
		fail: (error) => {
			leave();
			terminal.say(describe(error));
		},
		suspend: leave,
		resume: () => {
			// SIGSTOP left no time to restore the terminal; entering again sets every mode.
			leave();
			terminal.enter();
			writer.start();
		},
	};
	const unwatch = watchProcess(lifecycle);
	process.once('exit', leave);
	const screen: Screen = {
		writer,
		keyboard,
		lifecycle,
		ended: ended.promise,
		leave,
		close: () => {
			process.off('exit', leave);
			unwatch();
			output.close();
		},
	};
	writer.slots.set(screen, {
		lines: firstLines(options, size.columns),
		width: size.columns,
		position: () => ({ x: 0, y: 0, height: size.rows }),
	});
	terminal.enter();
	writer.start();
	return screen;
}

function describe(error: unknown): string {
	const [message, ...stack] = stackLines(error);
	return [`wattlag: unexpected error: ${message}`, ...stack.slice(0, 5).map((line) => `  ${line}`)].join('\n');
}
