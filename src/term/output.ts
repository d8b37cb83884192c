/**
 * The terminal as a file that never blocks. Node's terminal writes are synchronous: a terminal that stops reading (Ctrl-S,
 * a dead ssh connection) would freeze the whole thread, and the handling of signals.
 */
import fs from 'node:fs';

export interface Output {
	/** Number of bytes that the terminal accepts now; 0: it is not reading. Throws when it is gone. */
	write(bytes: Uint8Array): number;
	/** Drop bytes that were accepted and not read yet. false: not possible. */
	discard(): boolean;
	/** If the process crashes, write this text and restore the terminal's modes; empty: do not. A no-op without the addon. */
	guard(text: Uint8Array): void;
	close(): void;
}

/** Calls that Node lacks; see `BpfAddon` in core/native.ts. Both may throw, and are optional. */
export interface NativeTerminal {
	discardOutput(fd: number): void;
	guardTerminal(fd: number, text: Uint8Array): void;
}

/** Loads the addon on first use; throws where it was not built. */
export type LoadNative = () => NativeTerminal;

function isCode(error: unknown, ...codes: string[]): boolean {
	return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}

/**
 * Open the terminal of standard output a second time: a separate file description keeps O_NONBLOCK from the shell, which
 * shares ours. null: it cannot be opened (another user's terminal after `su`).
 */
export function openTerminal(native?: LoadNative): Output | null {
	for (const path of ['/proc/self/fd/1', '/dev/tty']) {
		try {
			const fd = fs.openSync(path, fs.constants.O_WRONLY | fs.constants.O_NONBLOCK | fs.constants.O_NOCTTY);
			return outputOn(fd, true, native);
		} catch {
			// Next candidate.
		}
	}
	return null;
}

/** Standard output unchanged: it may block. */
export function standardOutput(native?: LoadNative): Output {
	return outputOn(1, false, native);
}

function outputOn(fd: number, owned: boolean, native?: LoadNative): Output {
	let open = true;
	/** false: the addon was not built, or the terminal is gone. */
	const attempt = (act: (native: NativeTerminal) => void): boolean => {
		try {
			if (native) act(native());
			return native !== undefined;
		} catch {
			return false;
		}
	};
	return {
		write(bytes) {
			try {
				return fs.writeSync(fd, bytes);
			} catch (error) {
				if (isCode(error, 'EAGAIN', 'EINTR')) return 0;
				throw error;
			}
		},
		discard: () => attempt((native) => native.discardOutput(fd)),
		guard: (text) => void attempt((native) => native.guardTerminal(fd, text)),
		close() {
			if (open && owned) fs.closeSync(fd);
			open = false;
		},
	};
}
