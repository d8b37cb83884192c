/**
 * Section `rest`: what wattlag does to a machine that does little, and to one with busy processes, beside nothing, htop and
 * btop: CPU time, interrupts, wake-ups, idle states, memory. With `--against DIR` beside an older build, in the same turns.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { leashed, temporaryDirectory } from '../truth/leftovers.ts';
import type { Bench } from './bench.ts';
import type { Figure, SectionResult } from './figures.ts';
import { progress } from './progress.ts';
import { withProcesses } from './reading.ts';
import { cpuTime, memory } from './terminal/process-figures.ts';
import { Subject, wait } from './terminal/subject.ts';
import { programs } from './terminal.ts';

export const NOTHING = 'nothing';
export const SCREEN = 'wattlag';
export const OVERVIEW = 'wattlag --batch, overview';
/** After the name of a contender: the older build. */
export const BEFORE = ' (before)';

const BUSY = 60;
const MANY = 1000;
const ASLEEP = 10_000;

export const REST = {
	restCpu: 'CPU time per second, at rest',
	busyCpu: `CPU time per second, ${BUSY} busy processes`,
	manyCpu: `CPU time per second, ${MANY.toLocaleString('en-GB')} busy processes`,
	interrupts: 'interrupts per second and CPU, at rest',
	calls: '… that one CPU sends to others (function calls)',
	wakeUps: 'wake-ups of its threads per second, at rest',
	idle: 'time in the deepest idle state, at rest',
	rss: 'resident memory',
	asleepRss: `resident memory, ${ASLEEP.toLocaleString('en-GB')} processes asleep`,
} as const;

const UNITS: Record<string, string> = {
	[REST.restCpu]: 'ms',
	[REST.busyCpu]: 'ms',
	[REST.manyCpu]: 'ms',
	[REST.interrupts]: '/s',
	[REST.calls]: '/s',
	[REST.wakeUps]: '/s',
	[REST.idle]: '%',
	[REST.rss]: 'MB',
	[REST.asleepRss]: 'MB',
};

/** What the whole machine counted so far. */
interface Machine {
	cpus: number;
	interrupts: number;
	calls: number;
	/** ns in the deepest idle state, Σ over CPUs; undefined: this machine has none. */
	idle: number | undefined;
	/** ms */
	at: number;
}

function machineNow(): Machine {
	const [head = '', ...lines] = readFileSync('/proc/interrupts', 'utf8').split('\n');
	const cpus = head.trim().split(/\s+/).length;
	const now: Machine = { cpus, interrupts: 0, calls: 0, idle: undefined, at: performance.now() };
	for (const line of lines) {
		const [name, ...counts] = line.trim().split(/\s+/);
		const sum = counts.slice(0, cpus).reduce((total, count) => total + (Number(count) || 0), 0);
		now.interrupts += sum;
		if (name === 'CAL:') now.calls = sum;
	}
	for (let cpu = 0; cpu < cpus; cpu++) {
		const folder = `/sys/devices/system/cpu/cpu${cpu}/cpuidle`;
		const states = existsSync(folder) ? readdirSync(folder).filter((name) => /^state\d+$/.test(name)) : [];
		const deepest = states.sort((a, b) => Number(b.slice(5)) - Number(a.slice(5)))[0];
		if (deepest) now.idle = (now.idle ?? 0) + 1000 * Number(readFileSync(join(folder, deepest, 'time'), 'utf8'));
	}
	return now;
}

/** Times that its threads slept and were woken. */
function wakeUps(pid: number): number {
	let sum = 0;
	for (const tid of readdirSync(`/proc/${pid}/task`)) {
		try {
			const status = readFileSync(`/proc/${pid}/task/${tid}/status`, 'utf8');
			sum += Number(/^voluntary_ctxt_switches:\s*(\d+)/m.exec(status)?.[1] ?? 0);
		} catch {
			// it ended meanwhile
		}
	}
	return sum;
}

/** Something that runs while the machine is watched. */
interface Running {
	/** undefined: nothing runs. */
	pid: number | undefined;
	close(): Promise<void>;
}

interface Watched {
	name: string;
	start(): Promise<Running>;
}

function screenOf(program: ConstructorParameters<typeof Subject>[0], name = program.name): Watched {
	return {
		name,
		async start() {
			const subject = new Subject(program);
			await subject.ready();
			return { pid: subject.pid, close: () => subject.close() };
		},
	};
}

/** The built program below `root` printing the overview, which needs all measuring tabs. */
function overviewOf(root: string, name: string): Watched {
	return {
		name,
		async start() {
			const args = ['--batch', '--json', '--tab', 'overview', '--delay', '1'];
			// the program itself, not a wrapper: its threads are counted
			const child: ChildProcess = spawn(join(root, 'bin/wattlag'), args, { stdio: ['ignore', 'pipe', 'inherit'] });
			const keeper = spawn(...leashed('tail', `--pid=${child.pid}`, '-f', '/dev/null'), { stdio: 'ignore' });
			await once(child.stdout as NodeJS.ReadableStream, 'data');
			child.stdout?.resume();
			return {
				pid: child.pid,
				async close() {
					const gone = once(child, 'exit');
					child.kill('SIGTERM');
					await gone;
					keeper.kill('SIGKILL');
				},
			};
		},
	};
}

type Add = (what: string, contender: string, value: number | undefined) => void;

interface Lengths {
	/** Seconds. */
	warm: number;
	rest: number;
	busy: number;
	/** Beside {@link MANY} busy processes, and beside {@link ASLEEP}; 0: not measured. */
	many: number;
	asleep: number;
}

async function turn(watched: Watched, lengths: Lengths, bench: Bench, add: Add): Promise<void> {
	const running = await watched.start();
	const { pid } = running;
	const cpu = (): number => (pid === undefined ? 0 : cpuTime(pid).total);
	try {
		await wait(lengths.warm * 1000);
		const [before, used, woken] = [machineNow(), cpu(), pid === undefined ? 0 : wakeUps(pid)];
		await wait(lengths.rest * 1000);
		const after = machineNow();
		const seconds = (after.at - before.at) / 1000;
		const each = (figure: (machine: Machine) => number): number =>
			(figure(after) - figure(before)) / seconds / after.cpus;
		add(
			REST.interrupts,
			watched.name,
			each(({ interrupts }) => interrupts),
		);
		add(
			REST.calls,
			watched.name,
			each(({ calls }) => calls),
		);
		add(REST.idle, watched.name, after.idle === undefined ? undefined : each(({ idle }) => idle ?? 0) / 1e7);
		if (pid === undefined) return;
		add(REST.restCpu, watched.name, (cpu() - used) / seconds / 1e6);
		add(REST.wakeUps, watched.name, (wakeUps(pid) - woken) / seconds);
		add(REST.rss, watched.name, memory(pid).rss);
		const beside = async (processes: number, length: number): Promise<number> => {
			const load = bench.loads.start(undefined, 'busy', processes);
			await wait(1500 + processes);
			const [busy, from] = [cpu(), performance.now()];
			await wait(length * 1000);
			const used = (cpu() - busy) / ((performance.now() - from) / 1000) / 1e6;
			load.kill('SIGKILL');
			return used;
		};
		add(REST.busyCpu, watched.name, await beside(BUSY, lengths.busy));
		if (lengths.many > 0) add(REST.manyCpu, watched.name, await beside(MANY, lengths.many));
		if (lengths.asleep > 0)
			await withProcesses(bench, ASLEEP, false, async () => {
				await wait(lengths.asleep * 1000);
				add(REST.asleepRss, watched.name, memory(pid).rss);
			});
	} finally {
		await running.close();
	}
}

/** All in turns, every round. */
export async function rest(bench: Bench): Promise<SectionResult> {
	const { against, quick } = bench;
	const config = temporaryDirectory(join(tmpdir(), 'wattlag-bench-'));
	const [ours, ...peers] = programs(config.path).filter(({ name }) => name !== 'top');
	if (!ours) throw new Error('no program to measure');
	const list: Watched[] = [screenOf(ours)];
	// a quick comparison has two rounds of the screen in the time
	if (!quick || against === undefined) list.push(overviewOf('.', OVERVIEW));
	if (against === undefined) {
		list.unshift({ name: NOTHING, start: async () => ({ pid: undefined, close: async () => undefined }) });
		list.push(...peers.map((program) => screenOf(program)));
	} else {
		list.push(screenOf({ ...ours, command: join(against, 'bin/wattlag') }, `${SCREEN}${BEFORE}`));
		if (!quick) list.push(overviewOf(against, `${OVERVIEW}${BEFORE}`));
	}
	// V8 compiles for long: what it does in its first seconds is not what it does later
	const lengths = quick
		? { warm: 20, rest: 6, busy: 4, many: 0, asleep: 0 }
		: { warm: 60, rest: 15, busy: 8, many: 8, asleep: 20 };
	const others = { ...lengths, warm: 5, many: 0, asleep: 0 };
	const rounds = quick ? (against === undefined ? 1 : 2) : 3;
	const values = new Map<string, Map<string, number[]>>();
	const add: Add = (what, contender, value) => {
		const row = values.get(what) ?? new Map<string, number[]>();
		values.set(what, row.set(contender, [...(row.get(contender) ?? []), ...(value === undefined ? [] : [value])]));
	};
	for (let round = 1; round <= rounds; round++)
		for (const watched of list) {
			progress(`rest: ${watched.name}, round ${round} of ${rounds}`);
			await turn(watched, watched.name.startsWith(SCREEN) ? lengths : others, bench, add);
		}
	config.remove();
	const figures = Object.values(REST).flatMap((what) =>
		Array.from(
			values.get(what) ?? [],
			([contender, all]): Figure => ({
				...{ what, contender, unit: UNITS[what] ?? '', values: all },
				...(all.length === 0 && { note: 'this machine has no idle states (cpuidle)' }),
			}),
		),
	);
	return {
		id: 'rest',
		title: 'At rest: what is done to a machine that does little',
		notes: [
			`Screens of 200 × 50, all with a refresh every second, ${lengths.warm} s after the start (htop and btop ${others.warm} s), for ${lengths.rest} s; then with ${BUSY} busy processes for ${lengths.busy} s${lengths.many > 0 ? `, ${MANY.toLocaleString('en-GB')} for ${lengths.many} s, and beside ${ASLEEP.toLocaleString('en-GB')} that sleep for ${lengths.asleep} s` : ''}. ${rounds === 1 ? 'One round' : `${rounds} rounds`} in turns. CPU time and wake-ups are of all threads of the program; interrupts and idle states are of the whole machine, ours and everybody's.`,
		],
		baseline: against === undefined ? 'htop' : `${SCREEN}${BEFORE}`,
		figures,
	};
}
