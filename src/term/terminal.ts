/**
 * The terminal's modes: to the full screen and back. Every call is synchronous and bounded in time: a terminal that does
 * not read must not keep the program alive.
 */
import type { ReadStream } from 'node:tty';
import type { Output } from './output.ts';

/** Alternate screen, cursor hidden, no autowrap, no bracketed paste. */
const enterSequence = '\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[?2004l\x1b[m\x1b[H\x1b[2J';
/**
 * The screen is erased before it is left: a terminal without an alternate screen would keep the table under the shell's
 * prompt, and tmux shows rows of it after a resize.
 */
const restoreSequence = '\x1b[?2026l\x1b[m\x1b[H\x1b[2J\x1b[?7h\x1b[?25h\x1b[?1049l';
/** Clicks and wheel, as SGR sequences. The terminal's own text selection does not work then, hence only on request. */
const mouseOn = '\x1b[?1000h\x1b[?1006h';
const mouseOff = '\x1b[?1006l\x1b[?1000l';
/** Ends a sequence that was cut: CAN any, ST strings in terminals that ignore CAN there. */
const cancel = '\x18\x1b\\';

/** Longest wait of a write for a terminal that does not read, ms. */
const patienceMs = 200;
const heldMax = 64 * 1024;
const crashMessage = 'wattlag: crashed (its own bug, or no memory); nothing of it is left in the kernel\r\n';

/**
 * Whether a terminal of this TERM erases in the current background colour (terminfo's bce). tmux does, although its entry
 * denies it; GNU screen and unknown terminals do not.
 */
export function erasesInColour(term: string): boolean {
	return /^(xterm|linux|tmux|rxvt|konsole|gnome|vte|alacritty|kitty|foot|ghostty|wezterm|contour|st-|putty)|-bce$/.test(
		term,
	);
}

/** Enters and leaves the full screen: alternate screen, raw mode, mouse. @param keyboard null: there is none to set */
export class Terminal {
	private readonly output: Output;
	private readonly keyboard: ReadStream | null;
	private readonly mouse: boolean;
	private readonly unhold: (() => void)[] = [];
	private entered = false;
	private guarded = false;
	private held = '';

	constructor(output: Output, keyboard: ReadStream | null, mouse = false) {
		this.output = output;
		this.keyboard = keyboard;
		this.mouse = mouse;
	}

	enter(): void {
		if (this.entered) return;
		this.entered = true;
		this.hold();
		this.setRaw(true);
		this.write(enterSequence + (this.mouse ? mouseOn : ''));
		// after the first frame: it loads the addon
		setImmediate(() => this.guard());
	}

	/**
	 * Idempotent. Text that was held for standard error follows. If a terminal that does not read has no room left, the
	 * frames that it has not read are dropped.
	 * @param cut a frame was sent in part
	 */
	restore(cut = false): void {
		if (!this.entered) return;
		this.entered = false;
		const sequence = this.restoreSequence();
		const taken = this.write((cut ? cancel : '') + sequence);
		if (!taken && this.output.discard()) this.write(cancel + sequence);
		this.setRaw(false);
		if (this.guarded) this.output.guard(new Uint8Array());
		this.guarded = false;
		for (const undo of this.unhold.splice(0)) undo();
		const held = this.held;
		this.held = '';
		if (held !== '') this.say(held);
	}

	/** Write a message to standard error, without blocking on a terminal. */
	say(text: string): void {
		const line = text.endsWith('\n') ? text : `${text}\n`;
		if (process.stderr.isTTY) this.write(line.replaceAll('\n', '\r\n'));
		else process.stderr.write(line);
	}

	private restoreSequence(): string {
		return (this.mouse ? mouseOff : '') + restoreSequence;
	}

	/** For a crash, which no JavaScript handles. */
	private guard(): void {
		if (!this.entered) return;
		this.guarded = true;
		this.output.guard(Buffer.from(cancel + this.restoreSequence() + crashMessage));
	}

	private setRaw(on: boolean): void {
		try {
			this.keyboard?.setRawMode(on);
		} catch {
			// The terminal is gone.
		}
	}

	/** false: the terminal did not read in time, and a part was not written. */
	private write(text: string): boolean {
		let bytes: Uint8Array = Buffer.from(text);
		const deadline = performance.now() + patienceMs;
		try {
			while (bytes.length > 0) {
				const accepted = this.output.write(bytes);
				bytes = bytes.subarray(accepted);
				if (accepted > 0) continue;
				if (performance.now() > deadline) return false;
				Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
			}
		} catch {
			// The terminal is gone (EIO, EPIPE).
		}
		return true;
	}

	/** Warnings and prints would appear in the middle of the screen: hold them until it is restored. */
	private hold(): void {
		const keep = (text: string) => {
			if (this.held.length < heldMax) this.held += text;
		};
		for (const stream of [process.stdout, process.stderr]) {
			if (!stream.isTTY) continue;
			const write = stream.write;
			stream.write = (chunk: string | Uint8Array, encodingOrDone?: unknown, done?: unknown) => {
				keep(typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString());
				const callback = typeof encodingOrDone === 'function' ? encodingOrDone : done;
				if (typeof callback === 'function') callback();
				return true;
			};
			this.unhold.push(() => {
				stream.write = write;
			});
		}
		if (!process.stderr.isTTY) return;
		const printers = process.listeners('warning');
		const onWarning = (warning: Error) => keep(`${warning.name}: ${warning.message}\n`);
		process.removeAllListeners('warning');
		process.on('warning', onWarning);
		this.unhold.push(() => {
			process.off('warning', onWarning);
			for (const printer of printers) process.on('warning', printer);
		});
	}
}
