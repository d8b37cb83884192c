/**
 * The demo in this process: everything from the sampler's events to the terminal's bytes and back from the keys, without
 * a process and a pseudo-terminal for each test. What only those have (signals, sizes that change, a terminal that stops
 * reading) is tested in test/pty.
 */
import '../ui/blessed-hook.ts';
import { PassThrough } from 'node:stream';
import type { ReadStream } from 'node:tty';
import { afterEach, beforeAll } from 'vitest';
import { FrameWriter } from '../../src/term/frame-writer.ts';
import type { Output } from '../../src/term/output.ts';
import { erasesInColour, Terminal } from '../../src/term/terminal.ts';
import { appearanceOf, setPalette } from '../../src/term/theme.ts';
import { type LiveOptions, runLive } from '../../src/ui/live.tsx';
import type { Screen } from '../../src/ui/screen.ts';
import { type DemoVariables, demoOptions, demoTabs, fixtureOptions } from './demo.ts';
import { Emulator, type TerminalSize } from './emulator.ts';
import { HeldSampler } from './held-sampler.ts';

export interface DemoScreenOptions extends TerminalSize {
	/** In the place of the process's environment. */
	env?: DemoVariables;
	/** In the place of the fixtures. */
	live?: Partial<Pick<LiveOptions, 'registry' | 'sampler'>>;
}

/** Nothing has been drawn for that long: what is left to come waits for a clock or a key. */
const QUIET = { turns: 3, ms: 5, events: 10 };

/** Some time, and some turns of the event loop: each step of React's work is one, however long it takes. */
async function turn(): Promise<void> {
	await new Promise((resolve) => setTimeout(resolve, QUIET.ms));
	for (let i = 0; i < QUIET.events; i++) await new Promise((resolve) => setImmediate(resolve));
}

export class DemoScreen extends Emulator {
	private readonly keyboard = new PassThrough();
	private readonly surface: Screen;
	private readonly ended: Promise<number>;
	private code: number | undefined;

	constructor({ columns = 80, rows = 24, env = {}, live = {} }: DemoScreenOptions = {}) {
		super({ columns, rows });
		const variables = { TERM: 'xterm-256color', LANG: 'C.UTF-8', DEMO_ATTACH: '0', ...env };
		const fixture = fixtureOptions(variables);
		const options = demoOptions(variables, fixture.hold ? new HeldSampler(fixture) : undefined);
		this.surface = this.open({ columns, rows }, variables, options.command);
		this.ended = runLive({ ...options, ...live, screen: this.surface });
		void this.ended.then((code) => {
			this.code = code;
		});
	}

	/** As `openScreen` does it, but for the process around it. */
	private open(
		size: { columns: number; rows: number },
		env: DemoVariables,
		{ appearance: choice, mouse }: ReturnType<typeof demoOptions>['command'],
	): Screen {
		const appearance = appearanceOf(env, choice);
		setPalette(appearance);
		const decoder = new TextDecoder();
		const output: Output = {
			write: (bytes) => {
				this.receive(decoder.decode(bytes, { stream: true }));
				return bytes.length;
			},
			discard: () => false,
			guard: () => {},
			close: () => {},
		};
		const keyboard = Object.assign(this.keyboard, { setRawMode: () => keyboard }) as unknown as ReadStream;
		const terminal = new Terminal(output, keyboard, mouse);
		const ended = Promise.withResolvers<number>();
		const writer = new FrameWriter({
			output,
			size,
			ascii: appearance.ascii,
			colourErase: erasesInColour(env['TERM'] ?? ''),
			onGone: ended.reject,
		});
		const leave = () => terminal.restore(writer.stop());
		const enter = () => {
			terminal.enter();
			writer.start();
		};
		const screen: Screen = {
			writer,
			keyboard,
			lifecycle: {
				end: (code) => {
					leave();
					ended.resolve(code);
				},
				fail: ended.reject,
				suspend: leave,
				resume: enter,
			},
			ended: ended.promise,
			leave,
			close: () => {},
		};
		enter();
		return screen;
	}

	send(keys: string): void {
		this.keyboard.write(keys);
	}

	protected override get condition(): string {
		return this.code === undefined ? 'running' : `ended with ${this.code}`;
	}

	protected override get pollMs(): number {
		return 2;
	}

	/** Until nothing more is drawn. */
	async settled(): Promise<void> {
		for (let quiet = 0; quiet < QUIET.turns; ) {
			const before = this.output.length;
			// at once, instead of when the next frame is due
			this.surface.writer.flushSoon();
			this.surface.writer.stdout.write('');
			await turn();
			quiet = this.output.length === before ? quiet + 1 : 0;
		}
		await this.drawn();
	}

	/** Quit, as by its key. */
	async close(): Promise<void> {
		this.surface.lifecycle.end(0);
		await this.ended;
		this.emulator.dispose();
	}
}

/** Once for a test file: screens that end with the test that began them. */
export function demoScreens(): (options?: DemoScreenOptions) => DemoScreen {
	let screens: DemoScreen[] = [];
	// else the first test that opens a tab waits for its code
	beforeAll(async () => {
		await Promise.all([...demoTabs.map(({ tab }) => tab()), import('../../src/ui/widgets/chart.ts')]);
	});
	afterEach(async () => {
		await Promise.all(screens.map((screen) => screen.close()));
		screens = [];
	});
	return (options) => {
		const screen = new DemoScreen(options);
		screens.push(screen);
		return screen;
	};
}
