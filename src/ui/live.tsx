/** The program on a terminal, from the sampler's events to the terminal's bytes. */

import { Box, render } from 'ink';
import { systemReason } from '../core/errors.ts';
import type { Sampler } from '../core/sampler.ts';
import { Store } from '../history/store.ts';
import { homeFolder } from '../lib/home.ts';
import { sanitize } from '../lib/sanitize.ts';
import { type KeyOverrides, keymapWith } from '../options/keymap.ts';
import type { HostInfo } from '../system/local-host.ts';
import { localHost } from '../system/local-host.ts';
import { readProcess } from '../system/process-details.ts';
import { stopProcess } from '../term/lifecycle.ts';
import type { AppearanceChoice } from '../term/theme.ts';
import { App } from './app.tsx';
import { clipboardSequence } from './frame/clipboard.ts';
import type { Inspect } from './lens/use-details.ts';
import { openScreen, type Screen, terminalSize } from './screen.ts';
import type { TabEntry } from './tab.ts';
import { SlotsContext } from './widgets/lines.tsx';

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
		appearance?: AppearanceChoice | undefined;
		mouse?: boolean | undefined;
		keys?: KeyOverrides | undefined;
		procRoot?: string | undefined;
	};
	/** For the header; by default this machine. */
	host?: HostInfo;
	/** Snapshots measured before; by default none. */
	store?: Store | undefined;
	/** First message of the footer. */
	message?: string | undefined;
	/** Facts about a process beside its figures; by default from `/proc`. */
	inspect?: Inspect;
	/** What Enter does on a row; the terminal is free meanwhile. */
	open?: ((row: object, what?: 'captures') => void) | undefined;
	/** Opened earlier, for a first frame while Ink is loaded. */
	screen?: Screen;
}

/** Longest wait for the sampler to close, ms. */
const closeMs = 500;
/** Changes of size closer together than this are one resize, ms. */
const resizeMs = 50;

/**
 * Show the tabs until the user or a signal ends the program. Needs a terminal on standard output. Resolves, once the
 * terminal is restored, with the exit code: 0, or 128 + the signal's number. After an uncaught exception the process exits
 * with 1.
 */
export async function runLive({
	registry,
	sampler,
	command,
	host = localHost(),
	screen = openScreen({ registry, command, host }),
	store = new Store(),
	message,
	inspect,
	open,
}: LiveOptions): Promise<number> {
	const { writer, keyboard, lifecycle, ended, leave, close } = screen;
	// in a recording the key that leads to the first row leads to a time; Home does as before
	const inRecording = store.hasAxis ? { 'go-to-time': ['g', 'T'] } : {};
	const keymap = keymapWith({ ...inRecording, ...command.keys });
	const flushSoon = () => writer.flushSoon();
	let resizeTimer: NodeJS.Timeout | undefined;
	const onResize = () => {
		resizeTimer ??= setTimeout(() => {
			resizeTimer = undefined;
			writer.resize(terminalSize());
		}, resizeMs);
	};
	const unsubscribe = sampler.subscribe(store.apply);
	keyboard?.on('data', flushSoon);
	process.stdout.on('resize', onResize);
	const ink = render(
		<SlotsContext value={writer.slots}>
			{/* Out of the flow: Ink lays the widgets out and draws nothing itself. */}
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
						recorded: () => sampler.recorded === true,
						tune: (tab, changes) => sampler.tune?.(tab, changes),
						setActiveTab: (tab) => sampler.setActiveTab?.(tab),
						setGroup: (tab, group) => sampler.setGroup(tab, group),
						open: (row, what) => {
							if (!open) return;
							lifecycle.suspend();
							open(row, what);
							lifecycle.resume();
						},
						inspect: inspect ?? ((process) => readProcess(command.procRoot ?? '/proc', process)),
						record: () => record(store, host),
						capture: () =>
							capture(
								store,
								host,
								registry.map(({ tracer }) => tracer.id),
							),
						copy: (text) => writer.control(clipboardSequence(text)),
					}}
				/>
			</Box>
		</SlotsContext>,
		{
			stdout: writer.stdout as unknown as NodeJS.WriteStream,
			stdin: (keyboard ?? process.stdin) as NodeJS.ReadStream,
			// Ink reports every layout at once; the writer decides what is sent, and when.
			debug: true,
			interactive: true,
			exitOnCtrlC: false,
			patchConsole: false,
			isScreenReaderEnabled: false,
		},
	);
	writer.slots.release(screen);
	writer.flushSoon();
	ink.waitUntilExit().catch((error: unknown) => {
		lifecycle.fail(error);
		process.exit(1);
	});

	const code = await ended;
	leave();
	clearTimeout(resizeTimer);
	process.stdout.off('resize', onResize);
	keyboard?.off('data', flushSoon);
	unsubscribe();
	ink.unmount();
	keyboard?.pause();
	await Promise.race([sampler.close(), new Promise((resolve) => setTimeout(resolve, closeMs).unref())]);
	close();
	return code;
}

/** Write the snapshots in memory to a file. Resolves with a message for the user. */
async function record(store: Store, { host, kernel, cpus }: HostInfo): Promise<string> {
	const { recordingFolder, writeRecording } = await import('../recording/write.ts');
	const written = sanitize(new Date().toISOString());
	try {
		const path = await writeRecording(recordingFolder(), { host, kernel, cpus, written }, store.recorded());
		// the footer is short
		const home = homeFolder(process.env);
		return `written: ${home === undefined ? path : path.replace(`${home}/`, '~/')}`;
	} catch (error) {
		return `could not write: ${systemReason(error)}`;
	}
}

/** Write a bundle of the snapshots in memory. Resolves with a message for the user. */
async function capture(store: Store, machine: HostInfo, tabs: readonly string[]): Promise<string> {
	const { captureStore } = await import('../recording/capture-store.ts');
	const { TriageWindow } = await import('../tracers/overview/triage.ts');
	try {
		return `captured: ${await captureStore(store, machine, tabs, new TriageWindow())}`;
	} catch (error) {
		return `could not capture: ${systemReason(error)}`;
	}
}
