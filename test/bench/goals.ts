/** Goals, beside the figures that were reached. */

import { DAY, DAYS } from './day.ts';
import { type Figure, find, markdownTable, number, ratiosTo, type SectionResult } from './figures.ts';
import { EMPTY, EVENTS, WHAT } from './kernel.ts';
import { LOADING } from './loading.ts';
import { OFF_CPU, ON_CPU, PERF, PROFILE } from './profile.ts';
import { ALL, tickOf, USER_SPACE } from './reading.ts';
import { RECORD, RECORDER, SERVE } from './record.ts';
import { OVERVIEW, REST } from './rest.ts';
import { median, medianInterval } from './statistics.ts';
import { DRAWING, MANY, OURS, SCREEN } from './terminal.ts';
import { ALL_TABS, cpuOf, FIO_ALL, FIO_RUNS, PIPE } from './workload.ts';

export interface Goal {
	goal: string;
	target: string;
	reached: string;
	/** `undecided`: the target lies within the noise. */
	verdict: 'reached' | 'missed' | 'undecided' | 'not measured';
	/** When the section was measured that says so. */
	measured: string;
}

type Direction = '≤' | '≥';

class Judge {
	readonly goals: Goal[] = [];
	private readonly figures: readonly Figure[];
	private readonly measured: string;

	constructor({ figures }: SectionResult, measured: string) {
		this.figures = figures;
		this.measured = measured;
	}

	/** One contender's figure by another's. */
	ratio(goal: string, what: string, of: string, to: string, direction: Direction, target: number): void {
		const [above, below] = [find(this.figures, what, of), find(this.figures, what, to)];
		this.judge(goal, direction, target, ' ×', above && below ? ratiosTo(above, below) : []);
	}

	most(goal: string, what: string, contender: string, target: number, unit: string, scale = 1): void {
		const values = find(this.figures, what, contender)?.values ?? [];
		this.judge(
			goal,
			'≤',
			target,
			unit,
			values.map((value) => value * scale),
		);
	}

	/** So much more than another, ns. */
	above(goal: string, what: string, contender: string, base: string, target: number): void {
		const [figure, floor] = [find(this.figures, what, contender), find(this.figures, what, base)];
		const least = floor ? median(floor.values) : Number.NaN;
		this.judge(goal, '≤', target, ' ns', figure && floor ? figure.values.map((value) => value - least) : []);
	}

	/** Percent by which a figure is below (`less`) or above that with nothing beside it. */
	percent(goal: string, what: string, contender: string, less: boolean, target: number): void {
		const [figure, base] = [find(this.figures, what, contender), find(this.figures, what, 'nothing')];
		const ratios = figure && base ? ratiosTo(figure, base) : [];
		this.judge(
			goal,
			'≤',
			target,
			' %',
			ratios.map((ratio) => (less ? 1 - ratio : ratio - 1) * 100),
		);
	}

	/** The values are to be at most, or at least, `target`. */
	private judge(goal: string, direction: Direction, target: number, unit: string, values: readonly number[]): void {
		const [low, high] = medianInterval(values);
		const holds = (value: number): boolean => (direction === '≤' ? value <= target : value >= target);
		const text = values.length === 0 ? '–' : `${number(median(values))}${unit}`;
		const decided = holds(low) ? 'reached' : 'missed';
		this.goals.push({
			goal,
			target: `${direction} ${number(target)}${unit}`,
			reached: values.length > 1 ? `${text} (${number(low)}–${number(high)})` : text,
			verdict: values.length === 0 ? 'not measured' : holds(low) === holds(high) ? decided : 'undecided',
			measured: this.measured,
		});
	}
}

function restGoals(judge: Judge): void {
	judge.most('screen at rest, all threads', REST.restCpu, OURS, 15, ' ms/s');
	judge.ratio("… to htop's", REST.restCpu, OURS, 'htop', '≤', 2);
	judge.most('screen, 60 busy processes', REST.busyCpu, OURS, 25, ' ms/s');
	judge.most('screen, 1,000 busy processes', REST.manyCpu, OURS, 80, ' ms/s');
	judge.most('batch overview at 1 s, at rest', REST.restCpu, OVERVIEW, 6, ' ms/s');
	judge.most('resident memory of the screen after a minute', REST.rss, OURS, 75, ' MB');
	judge.most('… with 10,000 processes asleep', REST.asleepRss, OURS, 120, ' MB');
}

function kernelGoals(judge: Judge): void {
	const { switchAll, switchHook, hard, io } = WHAT;
	const both = 'wattlag run queue + energy';
	const system = 'wattlag run queue, system alone';
	const light = 'wattlag disk IO, device latency';
	judge.ratio('run queue + energy, per switch, to the empty program', switchAll, both, EMPTY, '≤', 2);
	judge.ratio('run queue + energy, per switch, below runqlat -P (all hooks)', switchAll, 'runqlat -P', both, '≥', 4);
	judge.ratio('the same at the switch alone', switchHook, 'runqlat -P', both, '≥', 4);
	judge.ratio('run queue of the system alone, to the empty program', switchAll, system, EMPTY, '≤', 1.3);
	judge.ratio('run queue of the system alone, below runqlat -P (all hooks)', switchAll, 'runqlat -P', system, '≥', 5);
	judge.most('wake-up hooks of run queue + energy', WHAT.wakeups, both, 0, '');
	judge.most('device latency, per IO', io, light, 150, ' ns');
	judge.ratio('device latency, below biolatency', io, 'biolatency', light, '≥', 4);
	judge.most('block stages, per IO', io, 'wattlag disk IO', 500, ' ns');
	judge.above('packet drop, counted, above the empty program', WHAT.drop, EVENTS, EMPTY, 60);
	judge.above('packet drop with a record, above the empty program', WHAT.told, EVENTS, EMPTY, 3000);
	judge.most('disk IO, loading', LOADING.time, 'wattlag io', 400, ' ms');
	judge.ratio('hard IRQ pair, below hardirqs', hard, 'hardirqs', 'wattlag interrupts', '≥', 2);
}

function workloadGoals(judge: Judge): void {
	judge.percent('sched pipe slowed', PIPE, ALL_TABS, true, 5);
	// it does nothing but use its CPU: this is the same with less noise
	judge.percent('… by the CPU time of an operation', cpuOf(PIPE), ALL_TABS, false, 5);
	for (const what of [FIO_ALL, ...FIO_RUNS]) judge.percent(`${what}: slowed`, what, ALL_TABS, true, 5);
}

function readingGoals(judge: Judge): void {
	for (const awake of [false, true])
		judge.most(`${tickOf(10_000, awake)}: all tabs`, tickOf(10_000, awake), ALL, awake ? 70 : 5, ' ms');
	judge.most('all tabs at 1 s, user space, share of one CPU', USER_SPACE, 'user space', 1, ' %', 0.1);
}

function terminalGoals(judge: Judge): void {
	for (const [name, contender] of [
		['the thread that draws', DRAWING],
		['all threads', OURS],
	] as const) {
		judge.ratio(`screen, CPU time of ${name}, to htop's`, SCREEN.cpu, contender, 'htop', '≤', 2);
		judge.ratio(`screen, CPU time of ${name}, to btop's`, SCREEN.cpu, contender, 'btop', '≤', 1);
	}
	judge.most('bytes per refresh, every figure changing', SCREEN.bytes, OURS, 7000, ' B');
	judge.most('bytes per refresh, idle', SCREEN.idleBytes, OURS, 1000, ' B');
	judge.most('bytes per key', SCREEN.keyBytes, OURS, 300, ' B');
	judge.most('key → frame, median', SCREEN.keyMedian, OURS, 5, ' ms');
	judge.most('key → frame, 99 %', SCREEN.keyTail, OURS, 16, ' ms');
	judge.most('resident memory', SCREEN.rss, OURS, 90, ' MB');
	judge.most('start → first paint', SCREEN.firstPaint, OURS, 60, ' ms');
	judge.most('start → full frame', SCREEN.fullFrame, OURS, 130, ' ms');
	for (const [what, tab, target] of [
		[MANY.processes, 'overview', 100],
		[MANY.processes, 'energy', 100],
		[MANY.processes, 'run queue', 100],
		[MANY.threads, 'energy', 60],
	] as const)
		judge.most(`${what}, ${tab}`, what, tab, target, ' ms');
}

function recordGoals(judge: Judge): void {
	judge.most('recorder at rest, share of one CPU', RECORD.rest, RECORDER, 1, ' %', 0.1);
	judge.most('recorder, 1,000 busy processes, share of one CPU', RECORD.busy, RECORDER, 3, ' %', 0.1);
	judge.most('recording after a day, default limits', RECORD.day, RECORDER, 60, ' MB');
	judge.most('resident memory of the recorder', RECORD.rss, RECORDER, 70, ' MB');
	judge.most('resident memory of serve', RECORD.rss, SERVE, 90, ' MB');
	judge.most('serve at rest, share of one CPU', RECORD.rest, SERVE, 1, ' %', 0.1);
}

function dayGoals(judge: Judge): void {
	for (const name of DAYS) {
		judge.most(`a recorded day is open: ${name}, CPU time`, DAY.open, name, 1000, ' ms');
		judge.most(`… a jump in it, the longest of 200`, DAY.longest, name, 200, ' ms');
	}
}

function profileGoals(judge: Judge): void {
	judge.most('on-CPU profile at 99 Hz, share of a busy CPU', PROFILE.share, ON_CPU, 0.1, ' %');
	judge.ratio("… what a sample takes, to perf record's", PROFILE.sample, ON_CPU, PERF, '≤', 1);
	judge.above('off-CPU, per switch below the threshold, above the empty program', PROFILE.switch, OFF_CPU, EMPTY, 60);
	judge.ratio(
		'off-CPU, time added to perf bench sched pipe, below offcputime',
		PROFILE.pipe,
		'offcputime',
		OFF_CPU,
		'≥',
		3,
	);
	judge.most('symbolising 10 s of a build, CPU time', PROFILE.symbols, ON_CPU, 1, ' s');
}

const bySection: Record<string, (judge: Judge) => void> = {
	rest: restGoals,
	kernel: kernelGoals,
	workload: workloadGoals,
	reading: readingGoals,
	terminal: terminalGoals,
	record: recordGoals,
	day: dayGoals,
	profile: profileGoals,
};

/** The goals of one section. */
export function judged(result: SectionResult, measured: string): Goal[] {
	const judge = new Judge(result, measured);
	bySection[result.id]?.(judge);
	return judge.goals;
}

export function goalsText(all: readonly Goal[]): string {
	const rows = all.map(({ goal, target, reached, verdict, measured }) => [goal, target, reached, verdict, measured]);
	return ['### Goals', '', markdownTable(['goal', 'target', 'reached (90 %)', 'verdict', 'measured'], rows)].join('\n');
}
