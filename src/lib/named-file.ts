/** A small file that the user names: a mistake must neither wait for ever nor fill the memory. */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

/** Pipes of the caller (`<(…)`) have a writer. */
const OF_CALLER = /^\/(dev|proc\/self)\/(fd\/|stdin$)/;

/**
 * Its bytes, at most one more than `most`, so that a longer one is seen; it may also be a device without end.
 * @throws what the kernel says; a named pipe, which would be waited for
 */
export function readNamed(path: string, most: number): Buffer {
	const ofCaller = OF_CALLER.test(path);
	const file = openSync(path, constants.O_RDONLY | (ofCaller ? 0 : constants.O_NONBLOCK));
	try {
		if (!ofCaller && fstatSync(file).isFIFO()) throw new Error('is a named pipe; give a file');
		const bytes = Buffer.alloc(most + 1);
		let length = 0;
		for (let got = -1; got !== 0 && length < bytes.length; length += got)
			got = readSync(file, bytes, length, bytes.length - length, null);
		return bytes.subarray(0, length);
	} finally {
		closeSync(file);
	}
}
