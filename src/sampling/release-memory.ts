/** Free memory is given back to the system: what lies free between blocks in use stays resident otherwise. */
import type { BpfAddon } from '../core/native.ts';
import { releaseHeapRegularly } from '../lib/heap-pages.ts';

/** After everything is loaded and has run once, and after most compilation; seconds. */
const FIRST = [2, 10, 30];
/** And from then on, ms. `serve` after 30 s: 97 before, 71 MB after. */
const EVERY = 60_000;

/** Of the process, and of the calling thread's heap. Returns what ends it. */
export function releaseMemoryRegularly(addon: BpfAddon): () => void {
	const release = () => {
		try {
			addon.releaseMemory();
		} catch {
			// without the addon: reported by the tabs that need it
		}
	};
	const timers = [
		...FIRST.map((seconds) => setTimeout(release, seconds * 1000).unref()),
		setInterval(release, EVERY).unref(),
	];
	const endHeap = releaseHeapRegularly({ after: release });
	return () => {
		endHeap();
		for (const timer of timers) clearTimeout(timer);
	};
}
