/**
 * The terminal as a file that never blocks. Node's own terminal writes are synchronous: a terminal that stops reading
 * (Ctrl-S, a dead ssh connection) would freeze the whole thread, signals included.
 */
import fs from 'node:fs';

/** Takes bytes as far as the terminal accepts them now. */
export interface Output {
	/** Bytes accepted; 0 when the terminal is not reading. Throws when it is gone. */
	write(bytes: Uint8Array): number;
	/** Drop what was accepted and not read yet, which makes room. false where that cannot be done. */
	discard(): boolean;
	/** Last words, should the process crash, and its modes as they were; empty: none. Where that cannot be done nothing is. */
	guard(text: Uint8Array): void;
	close(): void;
}

/** What Node has no call for; see `BpfAddon` in native.ts. Both may throw: they are a help, not a need. */
export interface NativeTerminal {
	discardOutput(fd: number): void;
	guardTerminal(fd: number, text: Uint8Array): void;
}

/** Loads it when it is first needed; throws where it was not built. */
export type LoadNative = () => NativeTerminal;

function isCode(error: unknown, ...codes: string[]): boolean {
	return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}

/**
 * Open the terminal behind standard output a second time. Its own file description keeps O_NONBLOCK from leaking to
 * the shell, which shares ours. null when it cannot be opened (another user's terminal after `su`).
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

/** Standard output as it is: may block. */
export function standardOutput(native?: LoadNative): Output {
	return outputOn(1, false, native);
}

function outputOn(fd: number, owned: boolean, native?: LoadNative): Output {
	let open = true;
	/** false: not built here, or the terminal is gone. */
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
