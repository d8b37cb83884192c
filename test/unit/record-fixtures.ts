/** FIXTURES: made-up snapshots of all tabs, written by the real recorder. */
import type { Snapshot } from '../../src/core/snapshot.ts';
import { sanitize } from '../../src/lib/sanitize.ts';
import { Folder } from '../../src/recording/folder.ts';
import { Merging } from '../../src/recording/merging.ts';
import { Recorder, type RecorderOptions } from '../../src/recording/recorder.ts';
import { registry } from '../../src/registry.ts';
import { energySnapshot } from '../ui/fixtures/energy.ts';
import { ioSnapshot } from '../ui/fixtures/io.ts';
import { irqSnapshot } from '../ui/fixtures/irq.ts';
import { overviewFixture } from '../ui/fixtures/overview.ts';
import { receiveSnapshot } from '../ui/fixtures/receive.ts';
import { runqlatSnapshot } from '../ui/fixtures/runqlat.ts';

export const recordedTabs = registry.map(({ tracer }) => tracer);
export const BOOT = 'abcdef0123456789abcdef0123456789';

/** All tabs in `count` intervals, a second each. */
export function intervals(count: number): Snapshot[][] {
	const overview = overviewFixture();
	return Array.from({ length: count }, (_, tick) => {
		const all = [energySnapshot, runqlatSnapshot, irqSnapshot, ioSnapshot, receiveSnapshot].map((make) => make(tick));
		return [...all, overview(tick, all)] as Snapshot[];
	});
}

export const limits = { age: 1e12, lowAge: 1e12, bytes: 2 ** 40, free: 0 };

/** A recorder to a folder that is there. */
export function recorderTo(
	folder: Folder,
	options: Partial<RecorderOptions> = {},
): { recorder: Recorder; said: string[] } {
	const said: string[] = [];
	const recorder = new Recorder({
		folder,
		about: {
			host: sanitize('host'),
			kernel: sanitize('6.1.0'),
			cpus: 8,
			boot: sanitize(BOOT),
			version: sanitize('0.0.0'),
			step: 1,
		},
		tabs: recordedTabs.map(({ id }) => id),
		limits,
		say: (line) => said.push(line),
		...options,
	});
	return { recorder, said };
}

/** Write intervals to a folder that is there, each before the next one comes. */
export async function recordTo(
	path: string,
	all: readonly Snapshot[][],
	options: Partial<RecorderOptions> & { merged?: boolean } = {},
): Promise<void> {
	const folder = new Folder(path);
	const merging = new Merging(recordedTabs);
	const merge = options.merged
		? { merge: (snapshot: Snapshot) => merging.add(snapshot), mergeRest: () => merging.end() }
		: {};
	const { recorder } = recorderTo(folder, { ...options, ...merge });
	for (const snapshots of all) {
		recorder.add(snapshots);
		await recorder.idle();
	}
	await recorder.close();
	folder.close();
}

/** As a reader of JSON sees it. */
export function plain<T>(value: T): T {
	return JSON.parse(JSON.stringify(value));
}
