/** The program on a terminal: everything between the sampler's events and the terminal's bytes, put together. */
import fs from 'node:fs';
import { homedir } from 'node:os';
import { ReadStream } from 'node:tty';
import { Box, render } from 'ink';
import { readProcess } from '../process-details.ts';
import type { Sampler } from '../sampler.ts';
import { sanitize } from '../sanitize.ts';
import { Store } from '../store.ts';
import type { Size } from '../term/diff.ts';
import { FrameWriter } from '../term/frame-writer.ts';
import { type Lifecycle, stopProcess, watchProcess } from '../term/lifecycle.ts';
import { openTerminal, standardOutput } from '../term/output.ts';
import { SlotsContext } from '../term/slots.ts';
import { Terminal } from '../term/terminal.ts';
import { App } from './app.tsx';
import { clipboardSequence } from './clipboard.ts';
import type { HostInfo } from './header.tsx';
import { type KeyOverrides, keymapWith } from './keymap.ts';
import type { Inspect } from './lens/use-details.ts';
import { localHost } from './local-host.ts';
import type { TabEntry } from './tab.ts';
import { type LookChoice, lookOf, setLook } from './theme.ts';

export interface LiveOptions {
	registry: readonly TabEntry[];
	sampler: Sampler;
	command: {
		/** Id of the tab to open. */
		tab: string;
		/** Interval, s. */
		delay: number;
		/** By tab: columns to sort by and groupings; missing: the tab's own. */
		sorts?: Readonly<Record<string, string>> | undefined;
		groups?: Readonly<Record<string, string>> | undefined;
		filter?: string | undefined;
		look?: LookChoice | undefined;
		mouse?: boolean | undefined;
		keys?: KeyOverrides | undefined;
		procRoot?: string | undefined;
	};
	/** What the header says; the machine this runs on unless told otherwise. */
	host?: HostInfo;
	/** What was measured before; nothing, unless told otherwise. */
	store?: Store | undefined;
	/** Said in the footer at first. */
	message?: string | undefined;
	/** What is known of a process beside its figures; `/proc` unless told otherwise. */
	inspect?: Inspect;
}

/** How long the sampler may take to close, ms. */
const closeMs = 500;
/** Sizes that arrive faster than this are one resize, ms. */
const resizeMs = 50;

/** A terminal that does not tell its size counts as 80 × 24, as it does for curses. */
function terminalSize(): Size {
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

/**
 * Show the tabs until the user or a signal ends it. Needs a terminal on standard output. Resolves with the exit code:
 * 0, or 128 + the signal's number. The terminal is restored by then; after an exception that nobody caught the process
 * has exited with 1.
 */
export async function runLive({
	registry,
	sampler,
	command,
	host = localHost(),
	store = new Store(),
	message,
	inspect,
}: LiveOptions): Promise<number> {
	const look = lookOf(process.env, command.look);
	setLook(look);
	const keymap = keymapWith(command.keys);
	const keyboard = openKeyboard();
	const output = openTerminal() ?? standardOutput();
	const terminal = new Terminal(output, keyboard, command.mouse);
	const ended = Promise.withResolvers<number>();
	const writer = new FrameWriter({
		output,
		size: terminalSize(),
		ascii: look.ascii,
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

	const hurry = () => writer.hurry();
	let resizeTimer: NodeJS.Timeout | undefined;
	const onResize = () => {
		resizeTimer ??= setTimeout(() => {
			resizeTimer = undefined;
			writer.resize(terminalSize());
		}, resizeMs);
	};
	const unsubscribe = sampler.subscribe(store.apply);
	terminal.enter();
	writer.start();
	keyboard?.on('data', hurry);
	process.stdout.on('resize', onResize);
	const ink = render(
		<SlotsContext value={writer.slots}>
			{/* Out of the flow: Ink lays the widgets out, and has nothing to draw itself. */}
			<Box position="absolute">
				<App
					tabs={registry}
					initialTab={command.tab}
					initialSorts={command.sorts}
					initialGroups={command.groups}
					initialFilter={command.filter}
					initialMessage={message}
					keymap={keymap}
					store={store}
					host={host}
					delay={command.delay}
					actions={{
						quit: () => lifecycle.end(0),
						suspend: () => stopProcess(lifecycle, 0),
						redraw: () => writer.redraw(),
						setInterval: (seconds) => sampler.setInterval(seconds),
						tune: (tab, changes) => sampler.tune?.(tab, changes),
						setGroup: (tab, group) => sampler.setGroup(tab, group),
						inspect: inspect ?? ((process) => readProcess(command.procRoot ?? '/proc', process)),
						record: () => record(store, host),
						copy: (text) => writer.control(clipboardSequence(text)),
					}}
				/>
			</Box>
		</SlotsContext>,
		{
			stdout: writer.stdout as unknown as NodeJS.WriteStream,
			stdin: (keyboard ?? process.stdin) as NodeJS.ReadStream,
			// Every layout at once: what reaches the terminal, and when, is the writer's decision.
			debug: true,
			interactive: true,
			exitOnCtrlC: false,
			patchConsole: false,
			isScreenReaderEnabled: false,
		},
	);
	ink.waitUntilExit().catch((error: unknown) => {
		lifecycle.fail(error);
		process.exit(1);
	});

	const code = await ended.promise;
	leave();
	clearTimeout(resizeTimer);
	process.stdout.off('resize', onResize);
	keyboard?.off('data', hurry);
	unsubscribe();
	ink.unmount();
	keyboard?.pause();
	await Promise.race([sampler.close(), new Promise((resolve) => setTimeout(resolve, closeMs).unref())]);
	process.off('exit', leave);
	unwatch();
	output.close();
	return code;
}

/** Writes what is kept; what came of it, in words. */
async function record(store: Store, { host, kernel, cpus }: HostInfo): Promise<string> {
	const { recordingFolder, writeRecording } = await import('../recording/write.ts');
	const written = sanitize(new Date().toISOString());
	try {
		const path = await writeRecording(recordingFolder(), { host, kernel, cpus, written }, store.recorded());
		// the line is short
		return `written: ${path.replace(`${homedir()}/`, '~/')}`;
	} catch (error) {
		return `could not write: ${(error as Error).message}`;
	}
}

function describe(error: unknown): string {
	if (!(error instanceof Error)) return `wattlag: ${sanitize(String(error))}`;
	const where = (error.stack ?? '').split('\n').slice(1, 6);
	return [
		`wattlag: unexpected error: ${sanitize(error.message)}`,
		...where.map((line) => `  ${sanitize(line.trim())}`),
	].join('\n');
}
