/** Automatic captures of the screen: the minutes before the trigger come from memory. */
import type { Sampler } from '../../core/sampler.ts';
import { Store } from '../../history/store.ts';
import { safe } from '../../lib/sanitize.ts';
import { words } from '../../options/common.ts';
import { CAPTURES } from '../../recording/capture.ts';
import { minutesInMemory } from '../../recording/capture-store.ts';
import { recordingFolder } from '../../recording/write.ts';
import type { HostInfo } from '../../system/local-host.ts';
import { Capturing } from '../capturing.ts';
import type { Context } from '../command.ts';

export interface Watched {
	store: Store;
	/** Of the machine, with the number of captures. */
	host: HostInfo;
	/** Writes what is being captured. */
	close(): Promise<void>;
}

/** Watches what a sampler reports. */
export function captureFrom({ line, registry, version }: Context, sampler: Sampler, machine: HostInfo): Watched {
	const store = new Store();
	const tracers = registry.map(({ tracer }) => tracer);
	const ids = tracers.map(({ id }) => id);
	const { host, kernel } = machine;
	const counted: HostInfo = { ...machine };
	let last = '';
	const capturing = new Capturing({
		kinds: words(String(line.values['capture'])),
		expression: String(line.values['capture-if']),
		tracers,
		path: `${recordingFolder()}/${CAPTURES}`,
		about: { version, host, kernel },
		config: undefined,
		afterMs: Number(line.values['capture-after']) * 1000,
		minutes: async (from) => [(await minutesInMemory(store, machine, ids, from)).file],
		// standard error belongs to the screen: the last message is printed when the screen is left
		say: (text) => {
			last = text;
		},
		changed: () => {
			const { captured, suppressed } = capturing.counts;
			counted.note = safe`captured ${captured}, suppressed ${suppressed}`;
		},
	});
	const unsubscribe = sampler.subscribe((event) => {
		if (event.kind === 'snapshot') capturing.see([event.snapshot]);
	});
	return {
		store,
		host: counted,
		async close() {
			unsubscribe();
			await capturing.close();
			if (last !== '') process.stderr.write(`wattlag: ${last}\n`);
		},
	};
}
