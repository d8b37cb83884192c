/**
 * V8 lets a heap grow by more than half before it collects all garbage, and keeps pages that its heap no longer uses, resident
 * and for ever: after the start, and after a storm of processes or sockets, most of a heap is neither. It gives pages back with
 * a collection for a heap that has reached its limit, and with no other.
 */
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Bytes } from './units.ts';

export interface ReleaseOptions {
	/** Between looks at the size of the heap, ms. */
	every: number;
	/** The heap has been calm for so many looks: a heap that grows again soon would take the pages that it has given back. */
	looks: number;
	/** It has shrunk by so much since it was largest, or grown by so much since it was collected, bytes. */
	much: Bytes;
	/** One part in so many of the time is for collecting. */
	part: number;
	/** Called after a collection: buffers of the heap have been freed as well. */
	after?: () => void;
}

const usual: ReleaseOptions = { every: 2000, looks: 4, much: 12 * 2 ** 20, part: 500 };

/** Looks before the first collection. */
const START = 10;

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

/** From now on, for the heap of the calling thread: collect it when it has grown or shrunk. Returns what ends it. */
export function releaseHeapRegularly(options: Partial<ReleaseOptions> = {}): () => void {
	const { every, looks, much, part, after } = { ...usual, ...options };
	let kept: Bytes = 0;
	let highest: Bytes = 0;
	// what a start leaves is garbage once it has been over for a while
	let notBefore = performance.now() + every * START;
	let recent: Bytes[] = [];
	const timer = setInterval(() => {
		const size = heapSize();
		highest = Math.max(highest, size);
		recent.push(size);
		if (recent.length > looks) recent.shift();
		if (recent.length < looks || performance.now() < notBefore) return;
		const largest = Math.max(...recent);
		const calm = largest - Math.min(...recent) < much / 2;
		if (highest - largest < much && !(calm && largest - kept >= much)) return;
		const begun = performance.now();
		collectAll();
		after?.();
		notBefore = performance.now() + (performance.now() - begun) * part;
		kept = heapSize();
		highest = kept;
		recent = [];
	}, every).unref();
	return () => clearInterval(timer);
}
