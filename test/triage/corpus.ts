/**
 * FIXTURES: made-up days of processes, each labelled with what the rules about progress should say of it. Rates per second;
 * `kept` is the part of the threads' time in a reason that keeps them from work.
 */
import { safe, sanitize } from '../../src/lib/sanitize.ts';
import type { TimePart } from '../../src/tracers/overview/snapshot.ts';
import { Progress, type ProgressRow, type Slowed } from '../../src/tracers/overview/tasks/progress.ts';
import { generator } from '../lib/random.ts';

/** A process in one interval; null: it does not live. */
interface Moment {
	rate: number;
	cpu: number;
	/** What its threads wait for while they sleep. */
	sleep: TimePart;
	/** Waits for a CPU, share of the time. */
	runnable?: number;
	/** Block requests and their bytes, packets; per second. */
	requests?: number;
	bytes?: number;
	packets?: number;
}

export interface Sequence {
	name: string;
	/** What should be said of it at some time; empty: nothing, ever. */
	expected: readonly Slowed['kind'][];
	/** Second in which the trouble begins. */
	trouble?: number;
	seconds: number;
	at(second: number, random: () => number): Moment | null;
}

const noise = (value: number, random: () => number) => value * (0.8 + 0.4 * random());
const DAY = 86_400;

/** Rates of a moment vary by a fifth. */
const moment = (random: () => number, { rate, cpu, sleep, ...more }: Moment): Moment => ({
	...{ rate: noise(rate, random), cpu: noise(cpu, random), sleep },
	...Object.fromEntries(Object.entries(more).map(([name, value]) => [name, noise(value, random)])),
});
/** A day on which nothing is wrong. */
const quiet = (name: string, at: (second: number) => Moment | null): Sequence => ({
	...{ name, expected: [], seconds: DAY },
	at: (second, random) => {
		const now = at(second);
		return now && moment(random, now);
	},
});
/** It rests and works in turns, for so many seconds of each period. */
const inTurns = (period: number, working: number, work: Moment, rest: Moment) => (second: number) =>
	second % period < working ? work : rest;
const BEGIN = 600;
/** Something is wrong from {@link BEGIN} on. */
const trouble = (
	name: string,
	expected: Slowed['kind'],
	before: Moment,
	after: Moment | ((elapsed: number) => Moment),
	seconds = 900,
): Sequence => ({
	...{ name, expected: [expected], trouble: BEGIN, seconds },
	at: (second, random) =>
		moment(random, second < BEGIN ? before : typeof after === 'function' ? after(second - BEGIN) : after),
});

const serving: Moment = { rate: 400, cpu: 0.4, sleep: 'poll' };

export const corpus: readonly Sequence[] = [
	quiet('idle daemon', () => ({ rate: 2, cpu: 0.001, sleep: 'poll' })),
	quiet('cron: every minute a short job of another process', (second) =>
		second % 60 < 3 ? { rate: 200, cpu: 0.8, sleep: 'child' } : null,
	),
	quiet('batch job that ends', (second) => (second < 4000 ? { rate: 50, cpu: 0.8, sleep: 'IO' } : null)),
	quiet('a service by day and night', (second) => {
		const load = Math.max(0, Math.sin((second / DAY) * 2 * Math.PI));
		return { rate: 400 * load + 1, cpu: 0.5 * load, sleep: 'poll', packets: 900 * load };
	}),
	quiet(
		'a service whose clients come in bursts',
		inTurns(
			300,
			60,
			{ rate: 900, cpu: 0.6, sleep: 'poll', packets: 2000 },
			{ rate: 1, cpu: 0.0005, sleep: 'poll', packets: 1 },
		),
	),
	quiet(
		'a pool of threads between two jobs',
		inTurns(600, 90, { rate: 300, cpu: 0.4, sleep: 'futex' }, { rate: 0.2, cpu: 0.0001, sleep: 'futex' }),
	),
	quiet('a backup: IO all the time, in waves', (second) => ({
		...{ rate: second % 90 < 45 ? 300 : 200, cpu: 0.1, sleep: 'IO' },
		...{ requests: second % 90 < 45 ? 300 : 200, bytes: 5e7 },
	})),
	quiet('a backup of small files, then of large ones', (second) => {
		const small = second % 4000 < 2000;
		return { rate: small ? 500 : 90, cpu: 0.1, sleep: 'IO', requests: small ? 480 : 80, bytes: 5e7 };
	}),
	quiet(
		'a database at rest after work',
		inTurns(
			7200,
			1800,
			{ rate: 1500, cpu: 0.3, sleep: 'socket', packets: 3000 },
			{ rate: 0.5, cpu: 0.0002, sleep: 'socket', packets: 0 },
		),
	),
	quiet(
		'many small queries, then a report: few packets, much work',
		inTurns(
			1000,
			800,
			{ rate: 900, cpu: 0.4, sleep: 'socket', packets: 2000 },
			{ rate: 300, cpu: 0.9, sleep: 'socket', packets: 4 },
		),
	),
	quiet(
		'a checkpoint every five minutes',
		inTurns(
			300,
			20,
			{ rate: 80, cpu: 0.05, sleep: 'IO', requests: 80, bytes: 2e7 },
			{ rate: 5, cpu: 0.001, sleep: 'poll', requests: 0, bytes: 0 },
		),
	),
	quiet('a timer loop', (second) => ({ rate: second % 1000 < 500 ? 100 : 10, cpu: 0.02, sleep: 'timer' })),
	...(['IO', 'memory', 'kernel lock', 'semaphore', 'file lock', 'futex', 'quota'] as const).map((sleep) =>
		trouble(`kept from work by ${sleep}`, 'slowed', serving, { rate: 12, cpu: 0.01, sleep }),
	),
	trouble(
		'no CPU left for it',
		'slowed',
		{ rate: 300, cpu: 0.5, sleep: 'poll' },
		{ rate: 10, cpu: 0.05, sleep: 'poll', runnable: 0.85 },
	),
	trouble(
		'wakes for each page that it waits for, and answers nobody',
		'slowed',
		{ ...serving, packets: 2000 },
		{ rate: 380, cpu: 0.2, sleep: 'IO', packets: 40 },
	),
	trouble(
		'its disk takes ten times as long for each request',
		'slowed',
		{ rate: 420, cpu: 0.1, sleep: 'IO', requests: 400, bytes: 3e6 },
		{ rate: 190, cpu: 0.1, sleep: 'IO', requests: 40, bytes: 3e5 },
	),
	trouble(
		'deadlock of two threads that computed',
		'halted',
		{ rate: 30, cpu: 1.6, sleep: 'futex' },
		{ rate: 0, cpu: 0, sleep: 'futex' },
	),
	trouble('paused', 'halted', { rate: 100, cpu: 0.3, sleep: 'poll' }, { rate: 0, cpu: 0, sleep: 'stopped' }),
	trouble(
		'slower by and by: a disk that gets full',
		'slowed',
		{ rate: 500, cpu: 0.4, sleep: 'poll' },
		(elapsed) => {
			const left = Math.max(0.02, 1 - elapsed / 60);
			return { rate: 500 * left, cpu: 0.4 * left, sleep: left < 0.9 ? 'IO' : 'poll' };
		},
		1200,
	),
];

const THREADS = 2;

function rowOf(sequence: Sequence, moment: Moment, dt_ns: number): ProgressRow {
	const { rate, cpu, sleep, runnable = 0, requests, bytes = 0, packets } = moment;
	const whole = THREADS * dt_ns;
	const used = Math.min(whole, cpu * dt_ns);
	const waited = Math.min(whole - used, runnable * whole);
	return {
		...{ pid: 7, start_time: 1e9, comm: sanitize(sequence.name.slice(0, 15)) ?? safe`x` },
		wakeups: Math.round((rate * dt_ns) / 1e9),
		...(requests !== undefined && {
			io_count: Math.round((requests * dt_ns) / 1e9),
			io_bytes: (bytes * dt_ns) / 1e9,
		}),
		...(packets !== undefined && { packets }),
		time_ns: { cpu: used, runnable: waited, [sleep]: whole - used - waited },
	};
}

export interface Judgement {
	name: string;
	/** Kinds that were said and expected; that were not expected, or before the trouble; that were missed. */
	right: number;
	wrong: number;
	missed: number;
	/** Seconds from the trouble to the line; null: none. */
	after: number | null;
}

/** @param step length of an interval, seconds */
export function judge(sequence: Sequence, step: number, seed = 1): Judgement {
	const random = generator(seed);
	const progress = new Progress();
	const said = new Set<string>();
	let wrong = 0;
	let after: number | null = null;
	for (let second = 0; second < sequence.seconds; second += step) {
		const moment = sequence.at(second, random);
		const found = progress.update(moment ? [rowOf(sequence, moment, step * 1e9)] : [], step * 1e9);
		for (const { kind } of found) {
			const due = sequence.expected.includes(kind) && second >= (sequence.trouble ?? 0);
			if (due) {
				said.add(kind);
				after ??= second + step - (sequence.trouble ?? 0);
			} else wrong++;
		}
	}
	const right = sequence.expected.filter((kind) => said.has(kind)).length;
	return { name: sequence.name, right, wrong: Math.sign(wrong), missed: sequence.expected.length - right, after };
}

/** Of all sequences: of what was said, the part that was right; of what was to be said, the part that was. */
export function scores(
	step: number,
	seeds: readonly number[],
): { precision: number; recall: number; judgements: Judgement[] } {
	const judgements = seeds.flatMap((seed) => corpus.map((sequence) => judge(sequence, step, seed)));
	const sum = (field: 'right' | 'wrong' | 'missed') => judgements.reduce((total, one) => total + one[field], 0);
	return {
		precision: sum('right') / Math.max(1, sum('right') + sum('wrong')),
		recall: sum('right') / Math.max(1, sum('right') + sum('missed')),
		judgements,
	};
}
