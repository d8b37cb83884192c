/** A bundle of what a screen has in memory. */
import type { Snapshot } from '../core/snapshot.ts';
import type { Store } from '../history/store.ts';
import { sanitize } from '../lib/sanitize.ts';
import type { HostInfo } from '../system/local-host.ts';
import { inBundle } from './bundle.ts';
import { kernelLog, writeCapture } from './capture.ts';
import { segmentName } from './folder.ts';
import { segmentOf } from './segment-bytes.ts';
import type { TarFile } from './tar.ts';
import { recordingFolder } from './write.ts';

/** Boot id of a screen's snapshots: one screen shows one boot, so that any will do. */
const BOOT = '0'.repeat(32);

/** What is read first in a bundle: made of the snapshots as they pass. */
export interface Front {
	add(snapshot: Snapshot): void;
	files(): TarFile[];
}

/** Resolves with the path. @param tabs ids, in the program's order */
export async function captureStore(
	store: Pick<Store, 'recorded'>,
	{ host, kernel, cpus }: Pick<HostInfo, 'host' | 'kernel' | 'cpus'>,
	tabs: readonly string[],
	front?: Front,
): Promise<string> {
	let [from, to] = ['', ''];
	function* watched(): Generator<Snapshot> {
		for (const snapshot of store.recorded()) {
			if (from === '') from = snapshot.time;
			to = snapshot.time;
			front?.add(snapshot);
			yield snapshot;
		}
	}
	const facts = { host, kernel, cpus, boot: sanitize(BOOT), version: sanitize(''), step: 1 };
	const segment = await segmentOf(facts, tabs, watched());
	const log = kernelLog();
	const files = [
		...(front?.files() ?? []),
		{ name: inBundle(segmentName('seg', Date.parse(from), BOOT, 1)), bytes: segment },
		...(log ? [{ name: 'kmsg.txt', bytes: log }] : []),
	];
	const about = { version: '', host, kernel, written: new Date().toISOString(), from, to, cause: 'key' };
	const { path } = await writeCapture(`${recordingFolder()}/captures`, { ...about, redacted: false }, files);
	return path;
}
