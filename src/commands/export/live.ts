/** The running machine in place of a recording: its next seconds, for traces with every scheduling slice. */
import { performance } from 'node:perf_hooks';
import { Unavailable } from '../../core/errors.ts';
import type { Snapshot } from '../../core/snapshot.ts';
import type { CpuSlice } from '../../export/trace-events.ts';
import { sanitize } from '../../lib/sanitize.ts';
import type { AnyRecording } from '../../recording/recordings.ts';
import { localHost } from '../../system/local-host.ts';
import { type Context, hostOf, startSampler, untilSignal } from '../command.ts';
import { openSlices, type SliceReader } from '../slice-reader.ts';

/** The word in place of a path. */
export const LIVE = 'live';
/** Default, seconds. */
const DURATION = 5;
/** The ring of slices holds more than this time brings, ms. */
const DRAIN = 100;
/** Slices in a second, and in all: 60 MB. More are counted and reported. */
const RATE = 80_000;
const MOST_SLICES = 500_000;

export interface LiveRecording extends Pick<AnyRecording, 'machine' | 'marks'> {
	snapshots(): AsyncGenerator<Snapshot>;
	slices: readonly CpuSlice[];
}

function openedSlices(context: Context): SliceReader | undefined {
	try {
		return openSlices(hostOf(context), RATE);
	} catch (error) {
		if (!(error instanceof Unavailable)) throw error;
		process.stderr.write(`wattlag: no scheduling slices: ${error.message}; ${error.fix}\n`);
		return undefined;
	}
}

/** Measures until the time is over or a signal comes. @param withSlices the format has tracks for them */
export async function recordLive(
	context: Context,
	tabs: readonly string[],
	withSlices: boolean,
): Promise<LiveRecording> {
	const { line } = context;
	const snapshots: Snapshot[] = [];
	const slices: CpuSlice[] = [];
	let over = 0;
	const stop = untilSignal();
	const sampler = await startSampler(context, {
		tabs: [...tabs],
		firstDelay: line.delay,
		onDemand: true,
	});
	const awaited = new Set(tabs);
	const unsubscribe = sampler.subscribe((event) => {
		if (event.kind === 'snapshot') snapshots.push(event.snapshot);
		if (event.kind === 'live' || event.kind === 'unavailable') awaited.delete(event.tab);
		if (event.kind === 'worker-failed' && !event.restarting) awaited.clear();
		if (event.kind === 'unavailable') process.stderr.write(`wattlag: ${event.tab}: ${event.reason}; ${event.fix}\n`);
	});
	// slices of the time in which programs are loaded are no one's question
	while (awaited.size > 0 && !stop.aborted) await new Promise((done) => setTimeout(done, DRAIN));
	snapshots.length = 0;
	const reader = withSlices ? openedSlices(context) : undefined;
	try {
		const until = performance.now() + (Number(line.values['duration']) || DURATION) * 1000;
		while (!stop.aborted && performance.now() < until) {
			await new Promise((done) => setTimeout(done, Math.max(0, Math.min(DRAIN, until - performance.now()))));
			reader?.drain(({ end_ns, ns, tgid, tid, cpu, comm }) => {
				if (slices.length < MOST_SLICES) slices.push({ end_ns, ns, pid: tgid, tid, cpu, comm: sanitize(comm) });
				else over++;
			});
		}
		const { suppressed, lost } = reader?.left() ?? { suppressed: 0, lost: 0 };
		if (suppressed + lost + over > 0)
			process.stderr.write(`wattlag: ${suppressed + over} scheduling slices over the limit, ${lost} lost\n`);
	} finally {
		reader?.close();
		unsubscribe();
		sampler.close();
	}
	const { host, kernel, cpus } = localHost();
	return {
		machine: { host, kernel, cpus, boot: '' },
		marks: [],
		slices,
		async *snapshots() {
			yield* snapshots;
		},
	};
}
