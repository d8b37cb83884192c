/**
 * The terminal taken and given back, whatever happens, and the first thing on it: all that is done before Ink is
 * loaded, so that a screen is there at once.
 */
import fs from 'node:fs';
import { ReadStream } from 'node:tty';
import { sanitize } from '../lib/sanitize.ts';
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
	registry: readonly { tracer: Pick<TabTracer<never, object>, 'id' | 'title' | 'from'> }[];
	command: { tab: string; appearance?: AppearanceChoice | undefined; mouse?: boolean | undefined };
	host: Pick<HostInfo, 'host'>;
	/** Without it a terminal that has stopped reading may not be restored, nor any after a crash. */
	native?: LoadNative | undefined;
}

/** As a key of the writer's slots it stands for the first frame. */
export interface Screen {
	readonly writer: FrameWriter;
	/** null: there are no keys to be had. */
	readonly keyboard: ReadStream | null;
	readonly lifecycle: Lifecycle;
	/** Resolves with the exit code: 0, or 128 + the signal's number. */
	readonly ended: Promise<number>;
	/** Give the terminal back. Idempotent. */
	leave(): void;
	/** Afterwards signals and exceptions are no longer watched. */
	close(): void;
}

/** A terminal that does not tell its size counts as 80 × 24, as it does for curses. */
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

/** What is known before anything is measured, where it stays. */
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

/** Needs a terminal on standard output. After an exception that nobody caught the process exits with 1. */
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
			// After SIGSTOP nobody had the chance to leave; entering again sets every mode anew.
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
		place: () => ({ x: 0, y: 0, height: size.rows }),
	});
	terminal.enter();
	writer.start();
	return screen;
}

function describe(error: unknown): string {
	if (!(error instanceof Error)) return `wattlag: ${sanitize(String(error))}`;
	const where = (error.stack ?? '').split('\n').slice(1, 6);
	return [
		`wattlag: unexpected error: ${sanitize(error.message)}`,
		...where.map((line) => `  ${sanitize(line.trim())}`),
	].join('\n');
}
