/** Section `triage`: precision and recall of the rules about progress, and what the walk over all tasks costs a tick. */
import { sanitize } from '../../src/lib/sanitize.ts';
import { TaskReader } from '../../src/tracers/overview/tasks/reader.ts';
import { TaskWalk } from '../../src/tracers/overview/tasks/walk.ts';
import { corpus, scores } from '../triage/corpus.ts';
import { falseLines, recorded } from '../triage/recorded.ts';
import { seconds } from '../truth/host.ts';
import type { Bench } from './bench.ts';
import type { Figure, SectionResult } from './figures.ts';
import { progress } from './progress.ts';
import { withProcesses } from './reading.ts';

const COUNTS = [1000, 10_000];
const SEEDS = [1, 2, 3, 4];
/** Of each count. */
const TICKS = 9;
const WARM = 5;
const EVERY = 0.5;

function scored(): Figure[] {
	const results = SEEDS.map((seed) => scores(10, [seed]));
	const figure = (what: 'precision' | 'recall'): Figure => ({
		what: `rules slowed and halted, ${corpus.length} labelled sequences`,
		contender: what,
		unit: '',
		values: results.map((result) => result[what]),
	});
	const sequences = recorded();
	const wrong = sequences.filter((one) => falseLines(one).length > 0).length;
	const what = `rules slowed and halted, ${sequences.length} recorded sequences`;
	return [figure('precision'), figure('recall'), { what, contender: 'with false lines', unit: '', values: [wrong] }];
}

/** ms of CPU time of the walk alone, and of everything that the overview reads and concludes beside the tabs. */
async function walked({ host }: Bench): Promise<{ walk: number[]; all: number[] }> {
	const cpu = () => {
		const { user, system } = process.cpuUsage();
		return (user + system) / 1000;
	};
	const walk = new TaskWalk(host);
	const reader = new TaskReader(host.procRoot, walk);
	await walk.ready;
	const taken = { walk: [] as number[], all: [] as number[] };
	try {
		for (let tick = -WARM; tick < TICKS; tick++) {
			await seconds(EVERY);
			const begun = cpu();
			const processes = reader.read();
			const read = cpu();
			reader.describe([], processes, EVERY * 1e9);
			reader.slowed([], processes, EVERY * 1e9);
			reader.deadlocks(processes);
			reader.collecting(processes);
			if (processes) reader.standstills(processes);
			if (tick < 0) continue;
			taken.walk.push(read - begun);
			taken.all.push(cpu() - begun);
		}
	} finally {
		reader.close();
	}
	return taken;
}

export async function triage(bench: Bench): Promise<SectionResult> {
	const figures = scored();
	for (const count of bench.quick ? COUNTS.slice(0, 1) : COUNTS) {
		const what = sanitize(`tick, ${count.toLocaleString('en-GB')} processes asleep`);
		progress(`triage: ${what}`);
		const { walk, all } = await withProcesses(bench, count, false, () => walked(bench));
		figures.push(
			{ what, contender: 'walk of all tasks', unit: 'ms', values: walk },
			{ what, contender: 'walk, and what is concluded from it', unit: 'ms', values: all },
		);
	}
	return {
		id: 'triage',
		title: 'Triage: rules about progress, and the walk over tasks',
		notes: [
			`The sequences are made up and labelled (test/triage/corpus.ts), each with ${SEEDS.length} kinds of noise. CPU time of a tick, kernel side included: ${TICKS} ticks after ${WARM} that warm up.`,
		],
		figures,
	};
}
