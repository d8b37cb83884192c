/** A recording in the place of the machine: all that the screen needs to show it. */

import { UsageError } from '../core/errors.ts';
import type { Sampler } from '../core/sampler.ts';
import type { Tracer } from '../core/tracer.ts';
import { Store } from '../history/store.ts';
import { safe } from '../lib/sanitize.ts';
import type { HostInfo } from '../system/local-host.ts';
import { readRecording } from './read.ts';

/** What was recorded stays as it is. */
const nothingFollows: Sampler = {
	subscribe: () => () => {},
	setInterval: () => {},
	setGroup: () => {},
	close: () => {},
};

/** What a screen shows instead of the running machine. */
export interface OpenRecording {
	/** Reports nothing: all there is lies in `store`. */
	sampler: Sampler;
	store: Store;
	/** Of a damaged file: what is wrong with it. */
	message: string | undefined;
	/** The machine that was recorded. */
	host: HostInfo;
	/** Always fails: the processes are another machine's, or another time's. */
	inspect(): Promise<never>;
}

/** @throws {UsageError} where there is nothing to show */
export async function openRecording(
	path: string,
	tracers: readonly Pick<Tracer<object, object>, 'id' | 'columns' | 'rowKey' | 'processOf'>[],
): Promise<OpenRecording> {
	const store = new Store();
	const recorded = new Set<string>();
	const { about, damage } = await readRecording(path, tracers, (snapshot) => {
		recorded.add(snapshot.tab);
		store.apply({ kind: 'snapshot', snapshot });
	}).catch((error: Error) => {
		throw new UsageError(`${path}: ${error.message}`);
	});
	if (recorded.size === 0) throw new UsageError(`${path}: ${damage ?? 'nothing was recorded'}`);
	for (const { id } of tracers) {
		if (recorded.has(id)) continue;
		const fix = safe`the tab had no figures when it was written`;
		store.apply({ kind: 'unavailable', tab: id, reason: safe`not in this recording`, fix });
	}
	store.freeze();
	return {
		sampler: nothingFollows,
		store,
		message: damage && `the recording is damaged; this is what came before: ${damage}`,
		host: {
			host: safe`${about.host} (recording)`,
			kernel: about.kernel,
			cpus: about.cpus,
			load: () => [],
			uptime: () => Number.NaN,
		},
		// processes of another machine, or of another time
		inspect: () => Promise.reject(new Error('not this machine')),
	};
}
