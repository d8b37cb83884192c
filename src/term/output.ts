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
	close(): void;
}

/**
 * Drops what was written to the terminal of this file descriptor and not read yet; Node has no call for it. May throw:
 * it is a help, not a need.
 */
export type Discard = (fd: number) => void;

function isCode(error: unknown, ...codes: string[]): boolean {
	return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}

/**
 * Open the terminal behind standard output a second time. Its own file description keeps O_NONBLOCK from leaking to
 * the shell, which shares ours. null when it cannot be opened (another user's terminal after `su`).
 */
export function openTerminal(discard?: Discard): Output | null {
	for (const path of ['/proc/self/fd/1', '/dev/tty']) {
		try {
			const fd = fs.openSync(path, fs.constants.O_WRONLY | fs.constants.O_NONBLOCK | fs.constants.O_NOCTTY);
			return outputOn(fd, true, discard);
		} catch {
			// Next candidate.
		}
	}
	return null;
}

/** Standard output as it is: may block. */
export function standardOutput(discard?: Discard): Output {
	return outputOn(1, false, discard);
}

function outputOn(fd: number, owned: boolean, discardOutput?: Discard): Output {
	let open = true;
	return {
		write(bytes) {
			try {
				return fs.writeSync(fd, bytes);
			} catch (error) {
				if (isCode(error, 'EAGAIN', 'EINTR')) return 0;
				throw error;
			}
		},
		discard() {
			try {
				discardOutput?.(fd);
				return discardOutput !== undefined;
			} catch {
				// Not built here, or the terminal is gone.
				return false;
			}
		},
		close() {
			if (open && owned) fs.closeSync(fd);
			open = false;
		},
	};
}
