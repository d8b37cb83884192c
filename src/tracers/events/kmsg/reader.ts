/** Reads `/dev/kmsg` without waiting: first what the kernel still has from before the start, then what is added. */
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { type SafeText, safe, sanitize } from '../../../lib/sanitize.ts';
import type { Count } from '../../../lib/units.ts';
import { type KernelMessage, parseKernelMessage } from './parse.ts';

/** Longest record of the kernel, with its dictionary. */
const RECORD = 8192;
/** Most records of one call: the rest waits in the kernel. */
const AT_ONCE = 4000;

export class KernelLog {
	/** `read`, or why it cannot be read. */
	state: SafeText = safe`read`;
	/** Records that were overwritten before they were read. */
	overwritten: Count = 0;
	/** The records of before the start have all been read. */
	caughtUp = false;
	private descriptor: number | undefined;
	private readonly buffer = new Uint8Array(RECORD);
	private next = -1;

	constructor(path = '/dev/kmsg') {
		try {
			this.descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
		} catch (error) {
			const { code } = error as NodeJS.ErrnoException;
			const why = code === 'EPERM' || code === 'EACCES' ? safe`needs CAP_SYSLOG` : sanitize(String(code));
			this.state = safe`not read: ${sanitize(path)} (${why})`;
		}
	}

	/** What has come since the last call, oldest first. Records of programs are among it: see `facility`. */
	*read(): Generator<KernelMessage> {
		for (let left = AT_ONCE; left > 0 && this.descriptor !== undefined; left--) {
			let bytes: number;
			try {
				bytes = readSync(this.descriptor, this.buffer);
			} catch (error) {
				const { code } = error as NodeJS.ErrnoException;
				if (code === 'EAGAIN') {
					this.caughtUp = true;
					return;
				}
				// overwritten: the next read goes on with the oldest record there is
				if (code === 'EPIPE') continue;
				this.state = safe`not read any more (${sanitize(String(code))})`;
				this.close();
				return;
			}
			if (bytes === 0) return;
			const message = parseKernelMessage(this.buffer.subarray(0, bytes));
			if (!message) continue;
			if (this.next >= 0 && message.sequence > this.next) this.overwritten += message.sequence - this.next;
			this.next = message.sequence + 1;
			yield message;
		}
	}

	close(): void {
		if (this.descriptor !== undefined) closeSync(this.descriptor);
		this.descriptor = undefined;
	}
}
