/** What was promised, beside what was reached. */
import { type Figure, find, markdownTable, number, type SectionResult } from './figures.ts';
import { EMPTY, WHAT } from './kernel.ts';
import { ALL, tickOf, USER_SPACE } from './reading.ts';
import { median, medianInterval, pairedRatios } from './statistics.ts';
import { ALL_TABS, FIO_RUNS, PIPE } from './workload.ts';

export interface Goal {
	goal: string;
	target: string;
	reached: string;
	/** `undecided`: the target lies within the noise. */
	verdict: 'reached' | 'missed' | 'undecided';
}

/** The values are to be at most, or at least, `target`. */
function judge(goal: string, direction: '≤' | '≥', target: number, unit: string, values: readonly number[]): Goal {
	const [low, high] = medianInterval(values);
	const holds = (value: number): boolean => (direction === '≤' ? value <= target : value >= target);
	const text = `${number(median(values))}${unit}`;
	return {
		goal,
		target: `${direction} ${number(target)}${unit}`,
		reached: values.length > 1 ? `${text} (${number(low)}–${number(high)})` : text,
		verdict: holds(low) === holds(high) ? (holds(low) ? 'reached' : 'missed') : 'undecided',
	};
}

class Judge {
	readonly goals: Goal[] = [];
	private readonly figures: readonly Figure[];

	constructor(results: readonly SectionResult[]) {
		this.figures = results.flatMap(({ figures }) => figures);
	}

	/** A ratio of two contenders in one thing; nothing is said about what was not measured. */
	ratio(goal: string, what: string, of: string, to: string, direction: '≤' | '≥', target: number): void {
		const [above, below] = [find(this.figures, what, of), find(this.figures, what, to)];
		if (!above || !below || above.values.length === 0 || below.values.length === 0) return;
		this.goals.push(judge(goal, direction, target, ' ×', pairedRatios(above.values, below.values)));
	}

	most(goal: string, what: string, contender: string, target: number, unit: string, scale = 1): void {
		const figure = find(this.figures, what, contender);
		if (!figure || figure.values.length === 0) return;
		this.goals.push(
			judge(
				goal,
				'≤',
				target,
				unit,
				figure.values.map((value) => value * scale),
			),
		);
	}

	/** Throughput lost against nothing, percent. */
	slowed(goal: string, what: string, contender: string, percent: number): void {
		const [figure, base] = [find(this.figures, what, contender), find(this.figures, what, 'nothing')];
		if (!figure || !base) return;
		const lost = pairedRatios(figure.values, base.values).map((ratio) => (1 - ratio) * 100);
		this.goals.push(judge(goal, '≤', percent, ' %', lost));
	}
}

/** The goals that the sections measured have something to say about. */
export function goals(results: readonly SectionResult[]): Goal[] {
	const judge = new Judge(results);
	const { switchAll, switchHook, hard, io } = WHAT;
	const both = 'wattlag run queue + energy';
	const system = 'wattlag run queue, system alone';
	const light = 'wattlag disk IO, device latency';
	const stages = 'wattlag disk IO';
	judge.ratio('run queue + energy, per switch, to the empty program', switchAll, both, EMPTY, '≤', 2);
	judge.ratio('run queue + energy, per switch, below runqlat -P (all hooks)', switchAll, 'runqlat -P', both, '≥', 4);
	judge.ratio('the same at the switch alone', switchHook, 'runqlat -P', both, '≥', 4);
	judge.ratio('run queue of the system alone, to the empty program', switchAll, system, EMPTY, '≤', 1.3);
	judge.ratio('run queue of the system alone, below runqlat -P (all hooks)', switchAll, 'runqlat -P', system, '≥', 5);
	judge.most('device latency, per IO', io, light, 150, ' ns');
	judge.ratio('device latency, below biolatency', io, 'biolatency', light, '≥', 4);
	judge.most('block stages, per IO', io, stages, 500, ' ns');
	judge.ratio('hard IRQ pair, below hardirqs', hard, 'hardirqs', 'wattlag interrupts', '≥', 2);
	judge.slowed('sched pipe slowed', PIPE, ALL_TABS, 5);
	for (const what of FIO_RUNS) judge.slowed(`${what}: slowed`, what, ALL_TABS, 5);
	for (const awake of [false, true])
		judge.most(`${tickOf(10_000, awake)}: all tabs`, tickOf(10_000, awake), ALL, 5, ' ms');
	judge.most('all tabs at 1 s, user space, share of one CPU', USER_SPACE, 'user space', 1, ' %', 0.1);
	return judge.goals;
}

export function goalsText(all: readonly Goal[]): string {
	if (all.length === 0) return '';
	const rows = all.map(({ goal, target, reached, verdict }) => [goal, target, reached, verdict]);
	return ['### Goals', '', markdownTable(['goal', 'target', 'reached (90 %)', 'verdict'], rows)].join('\n');
}
