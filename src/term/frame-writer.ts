/**
 * Output to the terminal. Slots change at any rate, and Ink reports every layout. The writer composes the newest frame and
 * writes its difference from the screen. It never waits: while a frame is being sent, newer frames replace each other.
 */
import { EventEmitter } from 'node:events';
import type { Cells } from './cells.ts';
import { Composer } from './compose.ts';
import { diffFrames, type Size } from './diff.ts';
import type { Output } from './output.ts';
import { Slots } from './slots.ts';

const frameMs = 50;
const retryMs = 20;
/** After a terminal has not read for so long, ms, the next frame is drawn in full. */
const stallMs = 1000;

export interface FrameWriterOptions {
	output: Pick<Output, 'write'>;
	size: Size;
	ascii: boolean;
	/** The terminal erases in the current background colour; false is safe. */
	colourErase?: boolean;
	/** The terminal is gone (EIO, EPIPE). */
	onGone: (error: unknown) => void;
}

/** For measurements. */
export interface FrameStats {
	frames: number;
	bytes: number;
}

/** At most one frame in 50 ms; the answer to a key is sent at once. */
export class FrameWriter {
	/** Ink's replacement for `process.stdout`. */
	readonly stdout: FrameStream;
	readonly slots = new Slots(() => this.changed());
	readonly stats: FrameStats = { frames: 0, bytes: 0 };
	private readonly options: FrameWriterOptions;
	private size: Size;
	private readonly composer: Composer;
	private shown: Cells[] | null = null;
	private controls = '';
	private dirty = false;
	private soon = false;
	private timer: NodeJS.Timeout | undefined;
	private queued = false;
	private lastFrame = -Infinity;
	private rest: Uint8Array | null = null;
	private stalledSince = 0;
	private active = false;

	constructor(options: FrameWriterOptions) {
		this.options = options;
		this.size = options.size;
		this.stdout = new FrameStream(options.size, () => this.changed());
		this.composer = new Composer(options.ascii);
	}

	/** Start or resume drawing; the first frame is drawn at once and in full. */
	start(): void {
		this.active = true;
		this.redraw();
		this.flush();
	}

	/** Stop drawing and drop unsent bytes. True: the last frame was sent in part. */
	stop(): boolean {
		const cut = this.rest !== null;
		this.active = false;
		this.rest = null;
		clearTimeout(this.timer);
		this.timer = undefined;
		return cut;
	}

	/** Draw the next frame in full. */
	redraw(): void {
		this.shown = null;
		this.changed();
	}

	/** Send a sequence that draws nothing (the clipboard's), whole, before the next frame. */
	control(sequence: string): void {
		this.controls += sequence;
		this.changed();
	}

	/** The next change answers a key: send it without delay. */
	flushSoon(): void {
		this.soon = true;
	}

	resize(size: Size): void {
		this.size = size;
		this.shown = null;
		this.stdout.resize(size);
		this.changed();
	}

	private changed(): void {
		this.dirty = true;
		if (!this.active || this.queued) return;
		if (this.soon) {
			clearTimeout(this.timer);
			this.timer = undefined;
			this.queued = true;
			// After the commit, so that one key gives one frame.
			setImmediate(() => {
				this.queued = false;
				this.soon = false;
				this.flush();
			});
		} else if (this.timer === undefined) {
			this.wait(Math.max(0, this.lastFrame + frameMs - performance.now()));
		}
	}

	private wait(ms: number): void {
		clearTimeout(this.timer);
		this.timer = setTimeout(() => {
			this.timer = undefined;
			this.flush();
		}, ms);
	}

	private flush(): void {
		if (!this.active) return;
		try {
			if (!this.send()) return;
			if (!this.dirty) return;
			this.dirty = false;
			const next = this.composer.compose(this.slots, this.size);
			const bytes = diffFrames(this.shown, next, this.size, this.options.colourErase);
			this.shown = next;
			const { controls } = this;
			this.controls = '';
			if (bytes === '' && controls === '') return;
			this.lastFrame = performance.now();
			// Synchronized update: terminals that know it show the frame at once, others ignore it.
			this.rest = Buffer.from(`${controls}\x1b[?2026h${bytes}\x1b[?2026l`);
			this.stats.frames++;
			this.stats.bytes += this.rest.length;
			this.send();
		} catch (error) {
			this.stop();
			this.options.onGone(error);
		}
	}

	/** Send the rest of the current frame. True: all is sent. */
	private send(): boolean {
		while (this.rest !== null) {
			const accepted = this.options.output.write(this.rest);
			if (accepted === 0) {
				this.stalledSince ||= performance.now();
				this.wait(retryMs);
				return false;
			}
			this.rest = accepted < this.rest.length ? this.rest.subarray(accepted) : null;
		}
		if (this.stalledSince > 0 && performance.now() - this.stalledSince > stallMs) {
			this.shown = null;
			this.dirty = true;
		}
		this.stalledSince = 0;
		return true;
	}
}

/**
 * The part of standard output that Ink uses. `isTTY` is false so that neither Ink nor its cursor helper writes control
 * sequences (at exit the helper would write synchronously, and hang on a stalled terminal).
 */
class FrameStream extends EventEmitter {
	readonly isTTY = false;
	readonly writable = true;
	columns: number;
	rows: number;
	private readonly onLayout: () => void;

	constructor(size: Size, onLayout: () => void) {
		super();
		this.setMaxListeners(0);
		this.columns = size.columns;
		this.rows = size.rows;
		this.onLayout = onLayout;
	}

	/** With the option `debug` Ink calls this after every layout. The text is empty: slots hold the contents. */
	write(_text: string, done?: () => void): boolean {
		this.onLayout();
		done?.();
		return true;
	}

	resize(size: Size): void {
		this.columns = size.columns;
		this.rows = size.rows;
		this.emit('resize');
	}
}
