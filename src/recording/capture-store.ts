/** A bundle of what a screen has in memory. */
import type { Snapshot } from '../core/snapshot.ts';
import type { Store } from '../history/store.ts';
import { sanitize } from '../lib/sanitize.ts';
import type { HostInfo } from '../system/local-host.ts';
import { inBundle } from './bundle.ts';
import { CAPTURES, kernelLog, triageFile, writeCapture } from './capture.ts';
import { segmentName } from './folder.ts';
import { segmentOf } from './segment-bytes.ts';
import type { TarFile } from './tar.ts';
import { recordingFolder } from './write.ts';

/** Boot id of a screen's snapshots: one screen shows one boot, so that any will do. */
const BOOT = '0'.repeat(32);

type Machine = Pick<HostInfo, 'host' | 'kernel' | 'cpus'>;

/**
 * What is in memory from a time on (wall clock, ms), as a file of a bundle, with its first and last time.
 * @param tabs ids, in the program's order
 * @param see is given each snapshot: unpacking all of them again would cost as much
 */
export async function minutesInMemory(
	store: Pick<Store, 'recorded'>,
	{ host, kernel, cpus }: Machine,
	tabs: readonly string[],
	since = Number.NEGATIVE_INFINITY,
	see: (snapshot: Snapshot) => void = () => {},
): Promise<{ file: TarFile; from: string; to: string }> {
	let [from, to] = ['', ''];
	function* watched(): Generator<Snapshot> {
		for (const snapshot of store.recorded()) {
			if (Date.parse(snapshot.time) < since) continue;
			if (from === '') from = snapshot.time;
			to = snapshot.time;
			see(snapshot);
			yield snapshot;
		}
	}
	const facts = { host, kernel, cpus, boot: sanitize(BOOT), version: sanitize(''), step: 1 };
	const bytes = await segmentOf(facts, tabs, watched());
	return { file: { name: inBundle(segmentName('seg', Date.parse(from), BOOT, 1)), bytes }, from, to };
}

/** What was wrong, as lines, from the snapshots that it is given. */
interface Triage {
	add(snapshot: Snapshot): void;
	text(host: string): readonly string[];
}

/** Resolves with the path. */
export async function captureStore(
	store: Pick<Store, 'recorded'>,
	machine: Machine,
	tabs: readonly string[],
	triage: Triage,
): Promise<string> {
	const see = (snapshot: Snapshot): void => triage.add(snapshot);
	const { file, from, to } = await minutesInMemory(store, machine, tabs, undefined, see);
	const { host, kernel } = machine;
	const log = kernelLog();
	const files = [...triageFile(triage.text(host)), file, ...(log ? [{ name: 'kmsg.txt', bytes: log }] : [])];
	const about = { version: '', host, kernel, written: new Date().toISOString(), from, to, cause: 'key' };
	const { path } = await writeCapture(`${recordingFolder()}/${CAPTURES}`, { ...about, redacted: false }, files);
	return path;
}
