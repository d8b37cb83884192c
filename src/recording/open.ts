/** A recording in place of the machine: all that the screen needs to show it. */

import { systemReason, UsageError } from '../core/errors.ts';
import type { Sampler } from '../core/sampler.ts';
import { Store } from '../history/store.ts';
import { safe } from '../lib/sanitize.ts';
import type { HostInfo } from '../system/local-host.ts';
import { ArchiveStore } from './archive-store.ts';
import { type AnyRecording, NothingRecorded, openAny } from './recordings.ts';
import type { RecordedTab } from './validate.ts';

/** Between two looks at a folder that is being written, ms. */
const FOLLOW = 500;

/** Until the first interval of a recorder that has just begun, ms. */
const FIRST = 15_000;

/** Of the snapshots of a file in memory: more than the running program keeps. */
const FILE_BYTES = 64 * 2 ** 20;

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

/** What was recorded stays as it is. */
export function nothingFollows(close: () => void): Sampler {
	return { recorded: true, subscribe: () => () => {}, setInterval: () => {}, setGroup: () => {}, close };
}

export function unrecorded(store: Store, tabs: readonly RecordedTab[], recorded: readonly string[]): void {
	for (const { id } of tabs) {
		if (recorded.includes(id)) continue;
		const fix = safe`the tab had no figures when it was written`;
		store.apply({ kind: 'unavailable', tab: id, reason: safe`not in this recording`, fix });
	}
}

/** Snapshots of a file are all in memory, as they were where it was written. */
async function memoryStore(recording: AnyRecording, tabs: readonly RecordedTab[]): Promise<Store> {
	const store = new Store({ pastBytes: FILE_BYTES });
	const recorded = new Set<string>();
	for await (const snapshot of recording.snapshots()) {
		recorded.add(snapshot.tab);
		store.apply({ kind: 'snapshot', snapshot });
	}
	if (recorded.size === 0) throw new Error(recording.damage()[0] ?? 'nothing was recorded');
	unrecorded(store, tabs, [...recorded]);
	store.freeze();
	return store;
}

/** A recorder that has just begun has written nothing yet: with `follow` its first interval is waited for. */
async function openFirst(path: string, tabs: readonly RecordedTab[], follow: boolean): Promise<AnyRecording> {
	for (let tries = follow ? FIRST / FOLLOW : 0; ; tries--) {
		try {
			return await openAny(path, tabs);
		} catch (error) {
			if (!(error instanceof NothingRecorded) || tries <= 0) throw error;
			await new Promise((resolve) => setTimeout(resolve, FOLLOW));
		}
	}
}

/**
 * @param follow show what is recorded from now on, as it comes; folders only
 * @throws {UsageError} where there is nothing to show
 */
export async function openRecording(
	path: string,
	tabs: readonly RecordedTab[],
	follow = false,
): Promise<OpenRecording> {
	const refuse = (error: Error): never => {
		throw new UsageError(`${path}: ${systemReason(error)}`);
	};
	const recording = await openFirst(path, tabs, follow).catch(refuse);
	if (follow && !recording.follow) refuse(new Error('--follow needs a folder that is being recorded to'));
	const { archive, machine } = recording;
	let store: Store;
	let timer: NodeJS.Timeout | undefined;
	if (archive) {
		const archived = new ArchiveStore(archive, follow);
		unrecorded(archived, tabs, archive.recorded());
		if (follow) timer = setInterval(() => (recording.follow?.() ? archived.grown() : undefined), FOLLOW);
		store = archived;
	} else {
		store = await memoryStore(recording, tabs).catch(refuse);
	}
	const [damage] = recording.damage();
	return {
		sampler: nothingFollows(() => {
			clearInterval(timer);
			recording.close();
		}),
		store,
		message: damage && `the recording is damaged; this is what came before: ${damage}`,
		host: {
			host: safe`${machine.host} (recording)`,
			kernel: machine.kernel,
			cpus: machine.cpus,
			load: () => [],
			uptime: () => Number.NaN,
		},
		// processes of another machine, or of another time
		inspect: () => Promise.reject(new Error('not this machine')),
	};
}
