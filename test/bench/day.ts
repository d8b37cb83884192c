/**
 * Section `day`: a whole day of recording is opened and travelled through. Its frames are those of this machine, recorded for a
 * moment and written again and again with later clocks ({@link writeSpan}).
 */
import { execFile, spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Snapshot } from '../../src/core/snapshot.ts';
import { Merging } from '../../src/recording/merging.ts';
import { openAny } from '../../src/recording/recordings.ts';
import { registry } from '../../src/registry.ts';
import { leashed, temporaryDirectory } from '../truth/leftovers.ts';
import type { Bench } from './bench.ts';
import { type Span, writeSpan } from './day-folder.ts';
import type { Figure, SectionResult } from './figures.ts';
import { progress } from './progress.ts';

export const DAY = {
	open: 'CPU time until a recorded day is open',
	jump: 'jump to a moment of the day, median',
	longest: 'jump to a moment of the day, longest of 200',
	longestCpu: 'CPU time of a jump, highest of 200',
	used: 'memory that the open day takes',
} as const;

/** Forms of a day: as the default limits keep it, and all of it by seconds. */
export const DAYS = ['2 h of seconds, 24 h of ten seconds', '24 h of seconds'] as const;

const UNITS: Record<string, string> = {
	[DAY.open]: 'ms',
	[DAY.jump]: 'ms',
	[DAY.longest]: 'ms',
	[DAY.longestCpu]: 'ms',
	[DAY.used]: 'MB',
};

/** What day-reader.ts prints: ms, the jumps in ascending order, MB. */
interface Read {
	open: number;
	jumps: number[];
	jumpsCpu: number[];
	used: number;
}

/** A program by itself, so that its memory is its own. */
const READER = new URL('day-reader.ts', import.meta.url).pathname;

/** Snapshots by moment: a tab's next one begins the next moment. */
function momentsOf(snapshots: readonly Snapshot[]): Snapshot[][] {
	const moments: Snapshot[][] = [];
	for (const snapshot of snapshots) {
		if (!moments.at(-1) || moments.at(-1)?.some(({ tab }) => tab === snapshot.tab)) moments.push([]);
		moments.at(-1)?.push(snapshot);
	}
	// of the first ones some tabs are missing
	const most = Math.max(...moments.map((moment) => moment.length));
	return moments.filter((moment) => moment.length === most);
}

async function recorded(folder: string, seconds: number): Promise<Snapshot[]> {
	const words = ['record', folder, '--keep-days', '0', '--duration', String(seconds)];
	const child = spawn(...leashed('bin/wattlag', ...words), { stdio: 'ignore' });
	const code = await new Promise((resolve) => child.once('exit', resolve));
	if (code !== 0) throw new Error(`wattlag record: exit code ${String(code)}`);
	const recording = await openAny(
		folder,
		registry.map(({ tracer }) => tracer),
	);
	const snapshots: Snapshot[] = [];
	for await (const snapshot of recording.snapshots()) snapshots.push(snapshot);
	recording.close();
	return snapshots;
}

export async function day({ quick }: Bench): Promise<SectionResult> {
	const tracers = registry.map(({ tracer }) => tracer);
	const folder = temporaryDirectory(join(tmpdir(), 'wattlag-bench-'));
	try {
		progress('day: a minute of this machine');
		const measured = await recorded(join(folder.path, 'minute'), quick ? 22 : 60);
		const merging = new Merging(tracers);
		const merged = [...measured.flatMap((snapshot) => merging.add(snapshot)), ...merging.end()];
		const [seconds, tens] = [momentsOf(measured), momentsOf(merged)];
		const end = Date.UTC(2026, 0, 2);
		const spanOf = (tier: Span['tier'], hours: number, step: number): Span => ({
			tier,
			step,
			seconds: hours * 3600,
			from: end - hours * 3_600_000,
		});
		const days = [
			{ name: DAYS[0], spans: [spanOf('seg', 2, 1), spanOf('low', 24, 10)] },
			...(quick ? [] : [{ name: DAYS[1], spans: [spanOf('seg', 24, 1)] }]),
		];
		const figures: Figure[] = [];
		let frames = '';
		for (const [at, { name, spans }] of days.entries()) {
			progress(`day: ${name}`);
			const path = join(folder.path, `day-${at}`);
			mkdirSync(path, { mode: 0o700 });
			let count = 0;
			for (const span of spans) {
				const moments = span.tier === 'seg' ? seconds : tens;
				count += await writeSpan(
					path,
					moments,
					tracers.map(({ id }) => id),
					span,
				);
			}
			frames += ` ${name}: ${count} frames.`;
			const reads: Read[] = [];
			for (let round = 0; round < (quick ? 1 : 3); round++) {
				const flags = ['--no-warnings', '--expose-gc'];
				const { stdout } = await promisify(execFile)(process.execPath, [...flags, READER, path]);
				reads.push(JSON.parse(stdout) as Read);
			}
			const add = (what: string, of: (read: Read) => number) =>
				figures.push({ what, contender: name, unit: UNITS[what] ?? '', values: reads.map(of) });
			add(DAY.open, ({ open }) => open);
			add(DAY.jump, ({ jumps }) => jumps[jumps.length >> 1] ?? 0);
			add(DAY.longest, ({ jumps }) => jumps.at(-1) ?? 0);
			add(DAY.longestCpu, ({ jumpsCpu }) => jumpsCpu.at(-1) ?? 0);
			add(DAY.used, ({ used }) => used);
		}
		return {
			id: 'day',
			title: 'Opening a recorded day',
			notes: [
				`Frames of this machine, recorded for ${quick ? 22 : 60} s and written again with later clocks.${frames} A jump is to a random moment and decodes the overview; it is wall time, which others on the machine lengthen.`,
			],
			figures,
		};
	} finally {
		folder.remove();
	}
}
