/**
 * Section `soak`: the screen for half an hour (`--minutes`) beside 60 changing processes. Its memory minute by minute, by what
 * holds it.
 */
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { temporaryDirectory } from '../truth/leftovers.ts';
import type { Bench } from './bench.ts';
import type { Figure, SectionResult } from './figures.ts';
import { progress } from './progress.ts';
import { Subject, wait } from './terminal/subject.ts';
import { programs } from './terminal.ts';

const BUSY = 60;

/** Resident memory by kind of mapping, MB. */
export type Held = Readonly<Record<(typeof kinds)[number], number>>;

const kinds = ['all', 'files (program, libraries)', 'malloc', 'V8 heaps and stacks', 'BPF maps'] as const;

function kindOf(name: string): (typeof kinds)[number] {
	if (name === '[heap]') return 'malloc';
	if (name.startsWith('anon_inode:')) return 'BPF maps';
	return name.startsWith('/') ? 'files (program, libraries)' : 'V8 heaps and stacks';
}

/** Of the text of `/proc/PID/smaps`. Pages of a file that were written are the program's own: as its anonymous memory. */
export function heldIn(smaps: string): Held {
	const held = Object.fromEntries(kinds.map((kind) => [kind, 0])) as Record<(typeof kinds)[number], number>;
	let kind: (typeof kinds)[number] = 'V8 heaps and stacks';
	let rss = 0;
	for (const line of smaps.split('\n')) {
		const mapping = /^[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ \d+ *(.*)$/.exec(line);
		if (mapping) kind = kindOf(mapping[1] as string);
		const [, name, kib] = /^(Rss|Anonymous): +(\d+) kB$/.exec(line) ?? [];
		if (name === 'Rss') rss = (Number(kib) * 1024) / 1e6;
		if (name !== 'Anonymous') continue;
		const anonymous = (Number(kib) * 1024) / 1e6;
		held.all += rss;
		if (kind.startsWith('files')) {
			held[kind] += rss - anonymous;
			held['V8 heaps and stacks'] += anonymous;
		} else held[kind] += rss;
	}
	return held;
}

export async function soak({ loads, minutes = 30 }: Bench): Promise<SectionResult> {
	const config = temporaryDirectory(join(tmpdir(), 'wattlag-bench-'));
	const [ours] = programs(config.path);
	if (!ours) throw new Error('no program to measure');
	const subject = new Subject(ours);
	const samples: Held[] = [];
	let load: ReturnType<Bench['loads']['start']> | undefined;
	try {
		await subject.ready();
		load = loads.start(undefined, 'busy', BUSY);
		for (let minute = 1; minute <= minutes; minute++) {
			await wait(60_000);
			const held = heldIn(readFileSync(`/proc/${subject.pid}/smaps`, 'utf8'));
			samples.push(held);
			progress(`soak: ${held.all.toFixed(1)} MB after ${minute} of ${minutes} min`);
		}
	} finally {
		load?.kill('SIGKILL');
		await subject.close();
		config.remove();
	}
	const marks = [...new Set([1, Math.ceil(minutes / 3), Math.ceil((2 * minutes) / 3), minutes])];
	const figures = kinds.flatMap((what) =>
		marks.map((minute): Figure => {
			const held = samples[minute - 1];
			return { what, contender: `after ${minute} min`, unit: 'MB', values: held ? [held[what]] : [] };
		}),
	);
	return {
		id: 'soak',
		title: 'Memory over time',
		notes: [
			`The screen of 200 × 50 at a refresh every second, beside ${BUSY} busy processes, for ${minutes} min. Resident memory by kind of mapping; the packed past is in malloc's and V8's.`,
		],
		figures,
	};
}
