/** Section `terminal`: what the screen costs beside htop, btop and top: CPU, memory, bytes, answer to a key, start-up. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { temporaryDirectory } from '../truth/leftovers.ts';
import type { Bench } from './bench.ts';
import type { Figure, SectionResult } from './figures.ts';
import { progress } from './progress.ts';
import { median, percentile } from './statistics.ts';
import { frames } from './terminal/frames.ts';
import { type Program, Subject, wait } from './terminal/subject.ts';

export const OURS = 'wattlag';
export const DRAWING = 'wattlag, its drawing thread';

const BUSY = 60;

/** Figures by name, for the goals. */
export const SCREEN = {
	cpu: `CPU time per second, ${BUSY} busy processes`,
	idleCpu: 'CPU time per second, idle',
	bytes: `bytes per refresh, ${BUSY} busy processes`,
	idleBytes: 'bytes per refresh, idle',
	keyBytes: 'bytes per key',
	keyMedian: 'key → frame, median',
	keyTail: 'key → frame, 99 %',
	rss: 'resident memory',
	anonymous: '… of which not of files',
	firstPaint: 'start → first paint',
	fullFrame: 'start → full frame',
	firstFigures: 'start → first figures',
} as const;

export const MANY = {
	processes: 'frame of 10,000 processes (synthetic)',
	threads: 'frame of 100,000 threads (synthetic)',
} as const;

const UNITS: Record<string, string> = {
	[SCREEN.bytes]: 'B',
	[SCREEN.idleBytes]: 'B',
	[SCREEN.keyBytes]: 'B',
	[SCREEN.rss]: 'MB',
	[SCREEN.anonymous]: 'MB',
};

export function programs(configHome: string): Program[] {
	mkdirSync(join(configHome, 'btop'), { recursive: true });
	writeFileSync(join(configHome, 'btop/btop.conf'), 'update_ms = 1000\nproc_sorting = "cpu direct"\n');
	const env = { XDG_CONFIG_HOME: configHome };
	const [down, up, quit] = ['\x1b[B', '\x1b[A', 'q'];
	const peers = [
		{ name: 'htop', command: 'htop', args: ['-d', '10'], ready: /CPU%.*[\s\S]*F10/ },
		{ name: 'btop', command: 'btop', args: [], ready: /proc[\s\S]*Pid/i },
		{ name: 'top', command: 'top', args: ['-d', '1'], ready: /PID USER/ },
	];
	const ours = {
		// a second is its delay; with words on the command line it takes 25 ms more to start (docs/terminal.md)
		...{ name: OURS, command: 'bin/wattlag', args: [] },
		...{ frame: /Interrupts[\s\S]*Help/, ready: /WATTS/ },
	};
	return [ours, ...peers.filter(({ command }) => existsSync(`/usr/bin/${command}`))].map((program) => ({
		...{ frame: program.ready, env, down, up, quit, selects: program.name !== 'top' },
		...program,
	}));
}

interface Watched {
	/** ns per second. */
	main: number;
	total: number;
	/** Per second. */
	bytes: number;
}

/** CPU time and bytes while nobody presses a key. */
async function watch(subject: Subject, seconds: number): Promise<Watched> {
	const [cpu, bytes, begun] = [subject.cpu(), subject.bytes, performance.now()];
	await wait(seconds * 1000);
	const after = subject.cpu();
	const elapsed = (performance.now() - begun) / 1000;
	return {
		main: (after.main - cpu.main) / elapsed,
		total: (after.total - cpu.total) / elapsed,
		bytes: (subject.bytes - bytes) / elapsed,
	};
}

/** Down and up, at moments that have nothing to do with the refresh. */
async function press(subject: Subject, presses: number): Promise<{ ms: number[]; bytes: number[] }> {
	const keys = { ms: [] as number[], bytes: [] as number[] };
	// away from the first row, so that every key moves although the selected process may rise
	for (let row = 0; row < 12; row++) await subject.press('down');
	for (let i = 0; i < presses; i++) {
		const { ms, bytes } = await subject.press(i % 8 < 4 ? 'down' : 'up');
		keys.ms.push(ms);
		keys.bytes.push(bytes);
		await wait(20 + ((i * 37) % 41));
	}
	return keys;
}

type Add = (what: string, contender: string, value: number) => void;

/** ns → ms, of the thread that draws too where there are several. */
function addCpu(add: Add, what: string, name: string, { main, total }: Watched): void {
	add(what, name, total / 1e6);
	if (name === OURS) add(what, DRAWING, main / 1e6);
}

async function running(program: Program, { loads, quick }: Bench, add: Add): Promise<void> {
	const { name } = program;
	const subject = new Subject(program);
	await subject.ready();
	await wait(1500);
	const idle = await watch(subject, 3);
	const load = loads.start(undefined, 'busy', BUSY);
	await wait(1500);
	const busy = await watch(subject, 4);
	const keys = program.selects ? await press(subject, quick ? 30 : 100) : undefined;
	load.kill('SIGKILL');
	const { rss, anon } = subject.memory();
	await subject.close();
	addCpu(add, SCREEN.cpu, name, busy);
	addCpu(add, SCREEN.idleCpu, name, idle);
	add(SCREEN.bytes, name, busy.bytes);
	add(SCREEN.idleBytes, name, idle.bytes);
	if (keys) {
		add(SCREEN.keyBytes, name, median(keys.bytes));
		add(SCREEN.keyMedian, name, median(keys.ms));
		add(SCREEN.keyTail, name, percentile(keys.ms, 0.99));
	}
	add(SCREEN.rss, name, rss);
	add(SCREEN.anonymous, name, anon);
}

async function starting(program: Program, add: Add): Promise<void> {
	const subject = new Subject(program);
	const frame = await subject.until(program.frame);
	const ready = await subject.ready();
	await subject.close();
	add(SCREEN.firstPaint, program.name, subject.firstGlyph);
	add(SCREEN.fullFrame, program.name, frame);
	add(SCREEN.firstFigures, program.name, ready);
}

/** Programs in turns, every round. Those that are not installed are left out. */
export async function terminal(bench: Bench): Promise<SectionResult> {
	const values = new Map<string, Map<string, number[]>>();
	const add: Add = (what, contender, value) => {
		const row = values.get(what) ?? new Map<string, number[]>();
		values.set(what, row.set(contender, [...(row.get(contender) ?? []), value]));
	};
	const config = temporaryDirectory(join(tmpdir(), 'wattlag-bench-'));
	const list = programs(config.path);
	const [rounds, starts] = bench.quick ? [1, 2] : [3, 5];
	for (let round = 1; round <= rounds; round++)
		for (const program of list) {
			progress(`terminal: ${program.name}, round ${round} of ${rounds}`);
			await running(program, bench, add);
		}
	for (let start = 1; start <= starts; start++) {
		progress(`terminal: starts, ${start} of ${starts}`);
		for (const program of list) await starting(program, add);
	}
	progress('terminal: frames of 10,000 processes and 100,000 threads');
	for (const { what, tab, ms } of await frames(config.path)) for (const one of ms) add(MANY[what], tab, one);
	config.remove();
	const figures = [...values].flatMap(([what, row]) =>
		[...row].map(([contender, all]): Figure => ({ what, contender, unit: UNITS[what] ?? 'ms', values: all })),
	);
	return {
		id: 'terminal',
		title: 'Terminal: the screen beside htop, btop and top',
		notes: [
			`A terminal of 200 × 50, a refresh every second, read by an emulator. ${rounds === 1 ? 'One round' : `${rounds} rounds`} in turns; CPU time is of all threads, sampling included, unless the contender says otherwise. Keys move the selection (top has none), at any moment of the interval; a key is answered when the emulator shows another row selected, or by what came last before 30 ms without anything; no answer within 300 ms counts as that. ${starts} starts in turns.`,
			`Synthetic frames: snapshots of that many rows, made up, all figures changing, through the program's own store, tabs, layout and diff, from the arrival of a tick's bytes in the drawing thread to the last byte of the frame.`,
		],
		baseline: 'htop',
		figures,
	};
}
