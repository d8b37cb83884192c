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

export const corpus: readonly Sequence[] = [
	// nothing is wrong with these
	{
		name: 'idle daemon',
		expected: [],
		seconds: DAY,
		at: (_, random) => ({ rate: noise(2, random), cpu: 0.001, sleep: 'poll' }),
	},
	{
		name: 'cron: every minute a short job of another process',
		expected: [],
		seconds: DAY,
		at: (second, random) => (second % 60 < 3 ? { rate: noise(200, random), cpu: 0.9, sleep: 'child' } : null),
	},
	{
		name: 'batch job that ends',
		expected: [],
		seconds: DAY,
		at: (second, random) => (second < 4000 ? { rate: noise(50, random), cpu: noise(0.8, random), sleep: 'IO' } : null),
	},
	{
		name: 'a service by day and night',
		expected: [],
		seconds: DAY,
		at(second, random) {
			const load = Math.max(0, Math.sin((second / DAY) * 2 * Math.PI));
			return { rate: noise(400 * load + 1, random), cpu: noise(0.5 * load, random), sleep: 'poll' };
		},
	},
	{
		name: 'a service whose clients come in bursts',
		expected: [],
		seconds: DAY,
		at: (second, random) =>
			second % 300 < 60
				? { rate: noise(900, random), cpu: noise(0.6, random), sleep: 'poll' }
				: { rate: 1, cpu: 0.0005, sleep: 'poll' },
	},
	{
		name: 'a pool of threads between two jobs',
		expected: [],
		seconds: DAY,
		at: (second, random) =>
			second % 600 < 90
				? { rate: noise(300, random), cpu: noise(0.4, random), sleep: 'futex' }
				: { rate: 0.2, cpu: 0.0001, sleep: 'futex' },
	},
	{
		name: 'a backup: IO all the time, in waves',
		expected: [],
		seconds: DAY,
		at: (second, random) => ({
			rate: noise(second % 90 < 45 ? 300 : 200, random),
			cpu: noise(0.1, random),
			sleep: 'IO',
		}),
	},
	{
		name: 'a database at rest after work',
		expected: [],
		seconds: DAY,
		at: (second, random) =>
			second % 7200 < 1800
				? { rate: noise(1500, random), cpu: noise(0.3, random), sleep: 'socket' }
				: { rate: 0.5, cpu: 0.0002, sleep: 'socket' },
	},
	{
		name: 'a checkpoint every five minutes',
		expected: [],
		seconds: DAY,
		at: (second, random) =>
			second % 300 < 20
				? { rate: noise(80, random), cpu: 0.05, sleep: 'IO' }
				: { rate: noise(5, random), cpu: 0.001, sleep: 'poll' },
	},
	{
		name: 'a timer loop',
		expected: [],
		seconds: DAY,
		at: (second, random) => ({ rate: noise(100, random) * (second % 1000 < 500 ? 1 : 0.1), cpu: 0.02, sleep: 'timer' }),
	},
	// something is wrong with these
	...(['IO', 'memory', 'kernel lock', 'semaphore', 'file lock', 'futex', 'quota'] as const).map(
		(part): Sequence => ({
			name: `kept from work by ${part}`,
			expected: ['slowed'],
			trouble: 600,
			seconds: 900,
			at: (second, random) =>
				second < 600
					? { rate: noise(400, random), cpu: noise(0.4, random), sleep: 'poll' }
					: { rate: noise(12, random), cpu: noise(0.01, random), sleep: part },
		}),
	),
	{
		name: 'no CPU left for it',
		expected: ['slowed'],
		trouble: 600,
		seconds: 900,
		at: (second, random) =>
			second < 600
				? { rate: noise(300, random), cpu: noise(0.5, random), sleep: 'poll' }
				: { rate: noise(10, random), cpu: noise(0.05, random), sleep: 'poll', runnable: 0.85 },
	},
	{
		name: 'deadlock of two threads that computed',
		expected: ['halted'],
		trouble: 600,
		seconds: 900,
		at: (second, random) =>
			second < 600
				? { rate: noise(30, random), cpu: noise(1.6, random), sleep: 'futex' }
				: { rate: 0, cpu: 0, sleep: 'futex' },
	},
	{
		name: 'paused',
		expected: ['halted'],
		trouble: 600,
		seconds: 900,
		at: (second, random) =>
			second < 600
				? { rate: noise(100, random), cpu: noise(0.3, random), sleep: 'poll' }
				: { rate: 0, cpu: 0, sleep: 'stopped' },
	},
	{
		name: 'slower by and by: a disk that gets full',
		expected: ['slowed'],
		trouble: 600,
		seconds: 1200,
		at(second, random) {
			const left = second < 600 ? 1 : Math.max(0.02, 1 - (second - 600) / 60);
			return { rate: noise(500 * left, random), cpu: noise(0.4 * left, random), sleep: left < 0.9 ? 'IO' : 'poll' };
		},
	},
];

const THREADS = 2;

function rowOf(sequence: Sequence, { rate, cpu, sleep, runnable = 0 }: Moment, dt_ns: number): ProgressRow {
	const whole = THREADS * dt_ns;
	const used = Math.min(whole, cpu * dt_ns);
	const waited = Math.min(whole - used, runnable * whole);
	return {
		...{ pid: 7, start_time: 1e9, comm: sanitize(sequence.name.slice(0, 15)) ?? safe`x` },
		cpu_ns: used,
		wakeups: Math.round((rate * dt_ns) / 1e9),
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
