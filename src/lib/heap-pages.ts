/**
 * V8 keeps pages that its heap no longer uses, resident and for ever: after a storm of processes or sockets hundreds of MB in
 * which nothing is. It gives them back with a collection for a heap that has reached its limit, and with no other.
 */
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Bytes } from './units.ts';

export interface ReleaseOptions {
	/** Between looks at the size of the heap, ms. */
	every: number;
	/** The heap has been smaller for so many looks. */
	looks: number;
	/** By so much, bytes: what is gained for 50 to 100 ms of CPU time. */
	much: Bytes;
}

const usual: ReleaseOptions = { every: 5000, looks: 12, much: 48 * 2 ** 20 };

/** Of the calling thread, without pages that are kept empty. */
function heapSize(): Bytes {
	return getHeapStatistics().total_heap_size;
}

function collectAll(): void {
	setFlagsFromString('--expose-gc');
	const collect = runInNewContext('gc') as (options: object) => void;
	setFlagsFromString('--no-expose-gc');
	collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}

/** From now on, for the heap of the calling thread, once after it has shrunk. Returns what ends it. */
export function releaseHeapRegularly({ every, looks, much }: ReleaseOptions = usual): () => void {
	let highest: Bytes = 0;
	const recent: Bytes[] = [];
	const timer = setInterval(() => {
		const size = heapSize();
		highest = Math.max(highest, size);
		recent.push(size);
		if (recent.length > looks) recent.shift();
		// a heap that grows again soon would take the pages that it has given back
		if (recent.length < looks || highest - Math.max(...recent) < much) return;
		collectAll();
		highest = heapSize();
	}, every).unref();
	return () => clearInterval(timer);
}
