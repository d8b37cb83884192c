/**
 * Section `record`: what recording costs for hours, beside atop: CPU time at rest and with 1,000 busy processes, memory, bytes.
 * `below` is in no Debian: it is not measured.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Snapshot } from '../../src/core/snapshot.ts';
import { HEAD } from '../../src/recording/frame.ts';
import { openAny } from '../../src/recording/recordings.ts';
import { bufferSource, packIndex, Segment } from '../../src/recording/segment.ts';
import { registry } from '../../src/registry.ts';
import { end, leashed, temporaryDirectory } from '../truth/leftovers.ts';
import type { Bench } from './bench.ts';
import type { Figure, SectionResult } from './figures.ts';
import { progress } from './progress.ts';
import { cpuTime, memory } from './terminal/process-figures.ts';
import { wait } from './terminal/subject.ts';

export const RECORDER = 'wattlag record';
export const SERVE = 'wattlag serve';
const BUSY = 1000;
/** A recorder keeps its interval until it has used the CPU time that it has saved, ms. */
const SETTLED_MS = 12_000;

export const RECORD = {
	rest: 'CPU time per second, at rest',
	busy: `CPU time per second, ${BUSY} busy processes`,
	kept: `intervals recorded per second, ${BUSY} busy processes`,
	longest: `longest interval recorded, ${BUSY} busy processes`,
	lost: `frames lost, ${BUSY} busy processes`,
	rss: 'resident memory',
	bytes: 'bytes per hour, at rest',
	day: 'bytes after a day: two hours of seconds, all of it by ten seconds',
} as const;

const UNITS: Record<string, string> = {
	[RECORD.rest]: 'ms',
	[RECORD.busy]: 'ms',
	[RECORD.kept]: '',
	[RECORD.longest]: 'ms',
	[RECORD.lost]: '',
	[RECORD.rss]: 'MB',
	[RECORD.bytes]: 'MB',
	[RECORD.day]: 'MB',
};

interface Recorder {
	name: string;
	/** Words of the program that writes below this folder. */
	words(folder: string): [string, ...string[]];
}

function bytesBelow(folder: string): number {
	return readdirSync(folder, { recursive: true, withFileTypes: true })
		.filter((entry) => entry.isFile())
		.reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
}

/** Intervals that the default limits keep: two hours of them, and a day of merged ones. */
const KEPT = { seg: 7200, low: 8640 };
/** Frames from one key frame to the next. */
const KEY_EVERY = 64;

/** What a folder has after a day, from the mean lengths of its frames and index entries, bytes. */
function bytesOfADay(folder: string): number {
	const all = readdirSync(folder, { recursive: true, withFileTypes: true });
	return Object.entries(KEPT).reduce((sum, [tier, intervals]) => {
		const frames = new Map<string, { key: number[]; other: number[] }>();
		for (const { parentPath, name } of all) {
			if (!name.startsWith(`${tier}-`) || !name.endsWith('.wlr')) continue;
			const segment = new Segment(bufferSource(readFileSync(join(parentPath, name))));
			// as it is when the segment has ended
			const packed = packIndex(readFileSync(join(parentPath, name.replace('.wlr', '.idx')))).length / segment.length;
			for (let at = 0; at < segment.length; at++) {
				const { tab, key, stored } = segment.head(at);
				const of = frames.get(`${tab}`) ?? { key: [], other: [] };
				frames.set(`${tab}`, of);
				of[key ? 'key' : 'other'].push(stored + HEAD + packed);
			}
		}
		const mean = (values: readonly number[]) => values.reduce((total, one) => total + one, 0) / (values.length || 1);
		for (const { key, other } of frames.values())
			sum += intervals * (mean(key) / KEY_EVERY + mean(other.length > 0 ? other : key) * (1 - 1 / KEY_EVERY));
		return sum;
	}, 0);
}

interface Recorded {
	intervals: number;
	/** ms */
	longest: number;
	/** Frames, since the start. */
	lost: number;
}

/** What a folder has of the intervals that ended in a time. @param from wall clock, ms */
async function recordedSince(folder: string, from: number): Promise<Recorded> {
	const recording = await openAny(
		folder,
		registry.map(({ tracer }) => tracer),
	);
	try {
		const intervals: Snapshot[] = [];
		for await (const snapshot of recording.snapshots({ from, to: Date.now() }))
			if (snapshot.tab === 'energy') intervals.push(snapshot);
		return {
			intervals: intervals.length,
			longest: Math.max(0, ...intervals.map(({ dt_ns }) => dt_ns)) / 1e6,
			lost: intervals.at(-1)?.lost['recording'] ?? 0,
		};
	} finally {
		recording.close();
	}
}

type Add = (what: string, contender: string, value: number) => void;

interface Lengths {
	/** Seconds. */
	warm: number;
	rest: number;
	busy: number;
}

async function turn({ name, words }: Recorder, lengths: Lengths, { loads }: Bench, add: Add): Promise<void> {
	const folder = temporaryDirectory(join(tmpdir(), 'wattlag-bench-'));
	// the program itself, not a wrapper: its threads are counted
	const [program, ...args] = words(folder.path);
	const child: ChildProcess = spawn(...leashed(program, ...args), { stdio: 'ignore' });
	const pid = child.pid as number;
	try {
		await wait(lengths.warm * 1000);
		if (child.exitCode !== null) throw new Error(`${name}: ended with ${child.exitCode}`);
		const [used, bytes, from] = [cpuTime(pid).total, bytesBelow(folder.path), performance.now()];
		await wait(lengths.rest * 1000);
		const seconds = (performance.now() - from) / 1000;
		add(RECORD.rest, name, (cpuTime(pid).total - used) / seconds / 1e6);
		add(RECORD.rss, name, memory(pid).rss);
		if (name !== SERVE) add(RECORD.bytes, name, ((bytesBelow(folder.path) - bytes) / seconds) * 0.0036);
		if (name === RECORDER) add(RECORD.day, name, bytesOfADay(folder.path) / 1e6);
		const load = loads.start(undefined, 'busy', BUSY);
		await wait(SETTLED_MS);
		const [busy, at, since] = [cpuTime(pid).total, performance.now(), Date.now()];
		await wait(lengths.busy * 1000);
		const passed = (performance.now() - at) / 1000;
		add(RECORD.busy, name, (cpuTime(pid).total - busy) / passed / 1e6);
		// a program that does not get the CPU costs nothing, and records nothing
		load.kill('SIGKILL');
		if (name === RECORDER) {
			const { intervals, longest, lost } = await recordedSince(join(folder.path, 'r'), since);
			add(RECORD.kept, name, intervals / passed);
			add(RECORD.longest, name, longest);
			add(RECORD.lost, name, lost);
		}
	} finally {
		await end(child, 'SIGTERM');
		folder.remove();
	}
}

/** All in turns, every round. */
export async function record(bench: Bench): Promise<SectionResult> {
	const recorders: Recorder[] = [
		{ name: RECORDER, words: (folder) => ['bin/wattlag', 'record', join(folder, 'r')] },
		{ name: SERVE, words: () => ['bin/wattlag', 'serve', '--listen', '127.0.0.1:0'] },
	];
	const atop = '/usr/bin/atop';
	if (existsSync(atop)) recorders.push({ name: 'atop -w', words: (folder) => [atop, '-w', join(folder, 'a'), '1'] });
	const lengths = bench.quick ? { warm: 20, rest: 22, busy: 11 } : { warm: 60, rest: 30, busy: 20 };
	const rounds = bench.quick ? 1 : 3;
	const values = new Map<string, number[]>();
	for (let round = 1; round <= rounds; round++)
		for (const recorder of recorders) {
			progress(`record: ${recorder.name}, round ${round} of ${rounds}`);
			await turn(recorder, lengths, bench, (what, contender, value) => {
				const key = `${what}\0${contender}`;
				values.set(key, [...(values.get(key) ?? []), value]);
			});
		}
	const figures = Object.values(RECORD).flatMap((what) =>
		recorders.flatMap(({ name }): Figure[] => {
			const all = values.get(`${what}\0${name}`);
			return all ? [{ what, contender: name, unit: UNITS[what] ?? '', values: all }] : [];
		}),
	);
	const missing = existsSync(atop) ? '' : ' atop is not installed.';
	return {
		id: 'record',
		title: 'Recording and serving for hours',
		notes: [
			`An interval of a second, all tabs; ${lengths.warm} s after the start, for ${lengths.rest} s, then with ${BUSY} busy processes for ${lengths.busy} s, which begin ${SETTLED_MS / 1000} s after their start. ${rounds === 1 ? 'One round' : `${rounds} rounds`} in turns. CPU time is of all threads. The bytes of wattlag are those of both tiers and their indexes. below is in no Debian and is not measured.${missing}`,
		],
		figures,
	};
}
